"""`ServerScreen`: who the server is and how busy it is, every second."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from ...client.about import About
from ...client.load import Load
from ...text.oneline import one_line
from ..look import Marks
from .server_watch import Look, ServerWatch

if TYPE_CHECKING:
    from ...client.http import ChatClient

SHOWN_SECONDS: Final = 60
"""How much of the past the line of speeds shows, with one look each second."""

_BAR: Final = 20
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS: Final = "_.:-=+*#"
_UNKNOWN: Final = "the server does not tell"


class ServerScreen(ModalScreen[None]):
    """Looks at the server until it is closed. Esc, q and Ctrl+C close it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,ctrl+c", "close", "Close")]

    class Seen(Message):
        """There was a look."""

        def __init__(self, look: Look) -> None:
            super().__init__()
            self.look = look

    def __init__(self, client: ChatClient, marks: Marks, model: str = "", *, every_seconds: float = 1.0) -> None:
        """
        Args:
            client: Asks the server.
            marks: Signs.
            model: What is asked for in the chat.
            every_seconds: Time between two looks.
        """
        super().__init__(classes="dialog-screen")
        self._url = one_line(client.endpoint.url)
        self._model = one_line(model)
        self._marks = marks
        self._body = Static("", id="server-body")
        self._speeds: deque[float] = deque(maxlen=SHOWN_SECONDS)
        self._about: About | None = None
        self._watch = ServerWatch(client, model, lambda look: self.post_message(self.Seen(look)), every_seconds)

    def compose(self) -> ComposeResult:
        """Where, what, keys."""
        with Vertical(classes="dialog -tall"):
            yield Static(Content(f"Server {self._url}"), classes="dialog-title")
            with VerticalScroll(id="server-scroll"):
                yield self._body
            yield Static(Content("looks every second; Esc closes"), classes="dialog-keys")

    def on_mount(self) -> None:
        """Begins to look."""
        self._body.update(Content(f"asking the server{'…' if self._marks.unicode else '...'}"))
        self.query_one("#server-scroll").focus()
        self._watch.start()

    def on_unmount(self) -> None:
        """Stops looking."""
        self._watch.stop()

    def on_server_screen_seen(self, event: Seen) -> None:
        """Shows what was seen."""
        event.stop()
        look = event.look
        self._about = look.about or self._about
        if look.load is not None and look.load.tokens_per_second is not None:
            self._speeds.append(look.load.tokens_per_second)
        elif look.error and self._speeds:
            self._speeds.append(0.0)
        rows = about_rows(self._about, self._model)
        if look.error:
            wrong = Content.styled(f"{self._marks.bad} {look.error}; trying again every second", "$text-error")
            self._body.update(Content("\n").join([wrong, *_aligned(rows)]))
            return
        if look.load is None:
            rows.append(("load", f"{_UNKNOWN}: it has no metrics at {self._url.removesuffix('/v1')}/metrics"))
        else:
            rows += load_rows(look.load, self._marks)
            if len(self._speeds) > 1:
                rows.append(("last minute", f"{trend(self._speeds, self._marks)}  most {max(self._speeds):.1f} tok/s"))
            rows += [(one_line(title), one_line(value)) for title, value in look.load.extra]
        self._body.update(Content("\n").join(_aligned(rows)))

    def action_close(self) -> None:
        """Closes."""
        self.dismiss()


def about_rows(about: About | None, model: str) -> list[tuple[str, str]]:
    """Who a server is, as titles and values."""
    if about is None:
        return [("model", model)] if model else []
    software = one_line(f"{about.software} {about.version}") or f"{_UNKNOWN} what software it is"
    context = _UNKNOWN if about.context is None else f"{about.context:,} tokens"
    others = [one_line(name) for name in about.models if one_line(name) != model]
    rows = [("software", software), ("model", model or ", ".join(others)), ("context", context)]
    if model and others:
        rows.append(("other models", ", ".join(others)))
    if about.vision is not None:
        rows.append(("pictures", "taken" if about.vision else "not taken"))
    return rows


def load_rows(load: Load, marks: Marks) -> list[tuple[str, str]]:
    """How busy a server is, as titles and values."""
    return [
        ("running", _UNKNOWN if load.running is None else str(load.running)),
        ("queued", _UNKNOWN if load.queued is None else str(load.queued)),
        ("KV cache", _UNKNOWN if load.kv_used is None else bar(load.kv_used, marks)),
        ("cache hits", _UNKNOWN if load.cache_hit_rate is None else f"{load.cache_hit_rate:.0%} of prompt tokens"),
        ("speed", _UNKNOWN if load.tokens_per_second is None else f"{load.tokens_per_second:.1f} tok/s, all requests"),
    ]


def bar(share: float, marks: Marks) -> str:
    """A share, 0 to 1, as a bar with its number."""
    full = round(share * _BAR)
    return f"{marks.bar[0] * full}{marks.bar[1] * (_BAR - full)} {share:.0%}"


def trend(values: Sequence[float], marks: Marks) -> str:
    """Values as signs of rising height, one for two of them: a minute must fit into a narrow screen."""
    levels = _LEVELS if marks.unicode else _ASCII_LEVELS
    values = list(values)
    pairs = [max(values[max(0, end - 2) : end]) for end in range(len(values), 0, -2)][::-1]
    most = max(pairs, default=0.0)
    if most <= 0:
        return levels[0] * len(pairs)
    return "".join(levels[round(value / most * (len(levels) - 1))] for value in pairs)


def _aligned(rows: Sequence[tuple[str, str]]) -> list[Content]:
    width = max((len(title) for title, _ in rows), default=0)
    return [Content.assemble((f"{title:<{width}}  ", "dim"), value) for title, value in rows]

"""`OptionsPanel`: the system prompt and the parameters of one chat, to read and to change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import DescendantBlur
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from sgl.errors import SglError, UsageError, echo

from ...profile.profile import Profile
from ...session.options import read_options
from ...store.chat_store import ChatStore
from ...text.oneline import one_line
from ..notices import tell_error
from ..pane.pane import ChatPane

FIELDS: Final = {
    "temperature": "0 picks the most likely token, 1 samples as trained",
    "top_p": "share of probability that is sampled from",
    "top_k": "number of tokens that are sampled from",
    "min_p": "least probability, relative to the best token",
    "max_tokens": "longest answer",
    "seed": "same number, same answer",
    "stop": "words that end an answer, with | between them",
    "presence_penalty": "above 0: tokens that came are less likely",
    "frequency_penalty": "the same, more so with each time",
    "repetition_penalty": "the same, as a factor; 1 is none",
}
"""What is shown, and what it means."""

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "temperature": (0, 10),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "max_tokens": (1, 2**31),
}
"""Least and largest values that make sense to any server."""

BETWEEN: Final = "|"
"""Between the texts of an option that may have several."""


class OptionField(Input):
    """One parameter.

    Attributes:
        option: Its name in the request.
    """

    def __init__(self, option: str) -> None:
        super().__init__(placeholder="the server's default", id=f"option-{option}", classes="option-input")
        self.option = option


class OptionsPanel(VerticalScroll, can_focus=False):
    """What is typed counts when its field is left, and is kept with the conversation.

    Empty until it is opened for the first time: the first frame of the screen does not wait for it.
    """

    def __init__(self, store: ChatStore, profile: Profile) -> None:
        super().__init__(id="options", classes="panel")
        self._store = store
        self._profile = profile
        self._pane: ChatPane | None = None
        self._head = Static("Options", classes="panel-title")
        self._system = TextArea(id="option-system", highlight_cursor_line=False)
        self._system_note = Static("", classes="option-note")
        self._fields = {option: OptionField(option) for option in FIELDS}
        self._notes = {option: Static("", classes="option-note") for option in FIELDS}

    def _parts(self) -> Iterator[Widget]:
        """The prompt, then each parameter with what it means and where it comes from."""
        yield self._head
        yield Static("System prompt", classes="option-label")
        yield self._system
        yield self._system_note
        for option, field in self._fields.items():
            yield Static(Content.assemble(option, (f"  {FIELDS[option]}", "dim")), classes="option-label")
            yield field
            yield self._notes[option]
        yield Static("Leaving a field applies it. An empty field is the server's default.", classes="panel-keys")

    async def open(self, pane: ChatPane) -> None:
        """Shows the options of a pane's conversation."""
        if not self.children:
            await self.mount_all(self._parts())
        self._pane = pane
        self.display = True
        for field in self._fields.values():
            field.remove_class("-wrong")
        self.refresh_values()
        self._system.focus()

    def refresh_values(self) -> None:
        """Shows what is stored; what somebody is just typing stays."""
        if self._pane is None:
            return
        thread = self._store.threads.get(self._pane.thread_id)
        session = self._pane.session
        self._head.update(Content(f"Options for {one_line(session.model)}" if session else "Options"))
        if not self._system.has_focus:
            self._system.text = thread.system
        self._system_note.update(Content(self._source(thread.system, self._profile.system)))
        for option, field in self._fields.items():
            if not field.has_focus and not field.has_class("-wrong"):
                field.value = _as_typed(thread.settings.get(option))
                self._note(option, thread.settings)

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """A field is left."""
        if event.widget is self._system:
            self._apply_system()
        elif isinstance(event.widget, OptionField):
            self._apply(event.widget)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter applies, too."""
        event.stop()
        if isinstance(event.input, OptionField):
            self._apply(event.input)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Nobody else's business."""
        event.stop()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Nobody else's business."""
        event.stop()

    def _apply_system(self) -> None:
        pane = self._pane
        if pane is None or self._system.text == self._store.threads.get(pane.thread_id).system:
            return
        self._store.threads.set_system(pane.thread_id, self._system.text)
        self._done(pane)

    def _apply(self, field: OptionField) -> None:
        pane = self._pane
        if pane is None:
            return
        try:
            value = _read(field.option, field.value)
        except UsageError as error:
            self._notes[field.option].update(Content.styled(f"{error.message}; not taken", "$text-error"))
            field.add_class("-wrong")
            return
        field.remove_class("-wrong")
        old = self._store.threads.get(pane.thread_id).settings
        new = {key: kept for key, kept in old.items() if key != field.option}
        if value is not None:
            new[field.option] = value
        if new != old:
            try:
                self._store.threads.set_settings(pane.thread_id, new)
            except SglError as error:
                tell_error(self, error)
                return
            if pane.session is not None:
                pane.session.options = new
            self._done(pane)
        self._note(field.option, new)

    def _done(self, pane: ChatPane) -> None:
        pane.post_message(ChatPane.Changed(pane))
        self.refresh_values()

    def _note(self, option: str, settings: Mapping[str, object]) -> None:
        if not self._fields[option].has_class("-wrong"):
            words = self._source(settings.get(option), self._profile.options.get(option))
            self._notes[option].update(Content(words))

    @staticmethod
    def _source(here: object, profile: object) -> str:
        """Where a value comes from."""
        if here in (None, ""):
            return "" if profile in (None, "") else f"not set for this chat; your profile has {_as_typed(profile)}"
        return "from your profile" if here == profile else "set for this chat"


def _read(option: str, text: str) -> object:
    """The value; None for the server's default.

    Raises:
        UsageError: It is none.
    """
    if not text.strip():
        return None
    if option == "stop":
        texts = [each for each in text.split(BETWEEN) if each]
        return read_options([f"{option}={each}" for each in texts]).get(option)
    value = read_options([f"{option}={text.strip()}"])[option]
    least, most = RANGES.get(option, (-math.inf, math.inf))
    if isinstance(value, int | float) and not least <= value <= most:
        bounds = f"from {least:g} to {most:g}" if most < 2**31 else f"of at least {least:g}"
        raise UsageError(f"{option} expects a number {bounds}, got {echo(text.strip())}")
    return value


def _as_typed(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return BETWEEN.join(map(_as_typed, value))
    text = f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
    return text.replace("\n", "\\n").replace("\t", "\\t")

"""`ScoresView`: an answer as its tokens, each coloured by its probability. One widget, whatever the length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ...client.events import ScoredToken
from .token_rows import SURE, TokenRows, shown_text

NONE_ASKED: Final = "no probabilities were asked for this answer; r answers once more with them"

_STEPS: Final = 10
"""Shades between red and green."""

_GREEN: Final = 120.0 / 360.0
_TINT: Final = 0.55
"""How much of a token's background is its shade; the rest is the background behind it."""

_VERY_UNSURE: Final = 0.1
"""Below this a token is underlined where there are no colours."""


class ScoresView(Widget):
    """Shows tokens below a legend. It makes only the lines that are in sight, and changes only those that differ.

    Attributes:
        scores: The tokens.
        chosen: Number of the token whose alternatives are shown; None for none.
    """

    DEFAULT_CSS = "ScoresView { height: auto; width: 1fr; }"
    ALLOW_SELECT = False  # The mouse means tokens here; y copies the text.

    class Chosen(Message):
        """Another token is meant: its alternatives may be shown."""

        def __init__(self, view: ScoresView, token: int) -> None:
            super().__init__()
            self.view = view
            self.token = token

    def __init__(self, scores: Sequence[ScoredToken], *, plain: bool, unicode: bool) -> None:
        """
        Args:
            scores: The tokens; none when nobody asked for them.
            plain: Whether brackets stand for colours.
            unicode: Whether more than ASCII can be shown.
        """
        super().__init__()
        self.scores = tuple(scores)
        self.chosen: int | None = None
        self._plain = plain
        self._line_end = "↵" if unicode else "\\n"
        self._chances = [probability(token.logprob) for token in self.scores]
        self._texts = [
            shown_text(token, chance, plain=plain) for token, chance in zip(self.scores, self._chances, strict=True)
        ]
        self._laid_out: tuple[int, TokenRows] | None = None
        self._shades: tuple[str, list[Style]] | None = None

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """How many lines it takes."""
        if not self.scores:
            return len(_wrapped(NONE_ASKED, width))
        return len(self._legend(width)) + len(self._rows(width).lines)

    def render_line(self, y: int) -> Strip:
        """One line of it."""
        width, base = self.size.width, self.visual_style.rich_style
        legend = self._legend(width) if self.scores else _wrapped(NONE_ASKED, width)
        if y < len(legend):
            return Strip([Segment(legend[y], base + Style(dim=True))]).adjust_cell_length(width, base)
        lines = self._rows(width).lines if self.scores else []
        y -= len(legend)
        if y >= len(lines):
            return Strip.blank(width, base)
        styles = self._styles()
        segments = [Segment(run.text, self._style(run.token, styles, base)) for run in lines[y]]
        return Strip(segments).adjust_cell_length(width, base)

    def move(self, step: int) -> None:
        """Goes to the token before or after; from none to the first or the last."""
        if not self.scores:
            return
        last = len(self.scores) - 1
        self.choose((0 if step > 0 else last) if self.chosen is None else max(0, min(last, self.chosen + step)))

    def choose(self, token: int) -> None:
        """Means a token."""
        before, self.chosen = self.chosen, token
        for each in {before, token} - {None}:
            assert each is not None
            self._redraw(each)
        self.post_message(self.Chosen(self, token))

    def release(self) -> None:
        """Means none any more."""
        before, self.chosen = self.chosen, None
        if before is not None:
            self._redraw(before)

    def line_of(self, token: int) -> int:
        """The line of the widget on which a token begins."""
        width = self.size.width
        return len(self._legend(width)) + self._rows(width).line_of(token)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Means the token below the mouse, once a token is meant: a panel that just appears moves the lines."""
        if self.chosen is not None:
            self._point(event.x, event.y)

    def on_click(self, event: events.Click) -> None:
        """Means the token that was clicked on."""
        self._point(event.x, event.y)

    def notify_style_update(self) -> None:
        """The theme may be another."""
        self._shades = None
        super().notify_style_update()

    def _point(self, x: int, y: int) -> None:
        if not self.scores:
            return
        width = self.size.width
        token = self._rows(width).token_at(x, y - len(self._legend(width)))
        if token is not None and token != self.chosen:
            self.choose(token)

    def _redraw(self, token: int) -> None:
        width = self.size.width
        lines, top = self._rows(width).lines, self.line_of(token)
        bottom, legend = top, len(self._legend(width))
        while bottom + 1 - legend < len(lines) and any(run.token == token for run in lines[bottom + 1 - legend]):
            bottom += 1
        self.refresh(Region(0, top, width, bottom - top + 1))

    def _rows(self, width: int) -> TokenRows:
        if self._laid_out is None or self._laid_out[0] != width:
            self._laid_out = (width, TokenRows(self._texts, width, line_end=self._line_end))
        return self._laid_out[1]

    def _legend(self, width: int) -> list[str]:
        if self._plain:
            words = f"probability: [under {SURE:.0%}], underlined: under {_VERY_UNSURE:.0%}."
        else:
            words = "probability: green is sure, red is improbable."
        return _wrapped(f"{words} Left and Right, or the mouse, show the alternatives.", width)

    def _style(self, token: int, styles: list[Style], base: Style) -> Style:
        chance = self._chances[token]
        style = base + (Style(underline=chance < _VERY_UNSURE) if self._plain else styles[round(chance * _STEPS)])
        return style + Style(reverse=True, bold=True) if token == self.chosen else style

    def _styles(self) -> list[Style]:
        theme = self.app.theme
        if self._shades is None or self._shades[0] != theme:
            behind = self.background_colors[1]
            self._shades = (theme, [_shade(step / _STEPS, behind) for step in range(_STEPS + 1)])
        return self._shades[1]


def probability(logprob: float) -> float:
    """From 0 to 1."""
    return math.exp(min(0.0, logprob))


def _shade(chance: float, behind: Color) -> Style:
    """Red to green over yellow, in a strength that leaves the letters readable."""
    colour = behind.blend(Color.from_hsl(chance * _GREEN, 0.75, 0.45), _TINT, alpha=1.0)
    return Style(color=colour.get_contrast_text(1.0).rich_color, bgcolor=colour.rich_color)


def _wrapped(words: str, width: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines

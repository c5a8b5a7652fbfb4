"""`TokenPanel`: what could have stood in the place of one token, with how probable it was."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widgets import Static

from ...client.events import ScoredToken
from ...text.sanitize import sanitize
from ..look import Marks
from ..message.logprobs_view import probability

_MOST: Final = 6
_BAR: Final = 20
_NARROW_BAR: Final = 8
_NARROW: Final = 70
_TOKEN: Final = 22


class TokenPanel(Static):
    """A few lines below a conversation; hidden while no token is meant."""

    DEFAULT_CSS = "TokenPanel { height: auto; display: none; }"

    def __init__(self, marks: Marks) -> None:
        super().__init__("", classes="token-panel")
        self._marks = marks

    def show(self, token: ScoredToken, number: int, count: int) -> None:
        """Shows one token.

        Args:
            token: Which.
            number: Its place in the answer, from 0.
            count: How many tokens the answer has.
        """
        rows = list(token.alternatives)
        if all(text != token.text for text, _ in rows):
            rows.append((token.text, token.logprob))  # It was drawn, though it is none of the likeliest.
        bar = _NARROW_BAR if self.app.size.width < _NARROW else _BAR
        head = f"token {number + 1} of {count}: {quoted(token.text)}"
        lines = [Content.styled(head, "bold"), *(self._row(*row, token.text, bar) for row in _shortest(rows, token))]
        self.update(Content("\n").join(lines))
        self.display = True

    def hide(self) -> None:
        """No token is meant."""
        self.display = False

    def _row(self, text: str, logprob: float, drawn: str, width: int) -> Content:
        chance = probability(logprob)
        full = round(chance * width)
        bar = self._marks.bar[0] * full + self._marks.bar[1] * (width - full)
        mark = self._marks.folded if text == drawn else " "
        line = f"{mark} {_cell(quoted(text), _TOKEN)} {bar} {percent(chance)}"
        return Content.styled(line, "bold" if text == drawn else "")


def quoted(text: str) -> str:
    """A token in quotes, with what cannot be seen written out."""
    shown = sanitize(text).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return f'"{shown}"'


def percent(chance: float) -> str:
    """Such as ``62.3 %``; what is not nothing is not shown as 0."""
    if 0 < chance < 0.0005:
        return "<0.1 %"
    return f"{100 * chance:5.1f} %"


def _shortest(rows: list[tuple[str, float]], token: ScoredToken) -> list[tuple[str, float]]:
    """The likeliest rows, the drawn one among them."""
    shown = rows[:_MOST]
    drawn = next(row for row in rows if row[0] == token.text)
    return shown if drawn in shown else [*shown[:-1], drawn]


def _cell(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 3) + "..."

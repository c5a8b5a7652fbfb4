"""`ColumnsText`: pairs of a short text and what is said about it, in two columns that fit the width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ...text.oneline import one_line
from ...text.sanitize import sanitize

GAP: Final = 2
WIDEST: Final = 28
"""Cells that the left column takes at most; what is longer has the right text below it."""

NARROWEST: Final = 24
"""Cells that the right column needs; where it has fewer, it stands below the left one."""


@dataclass(frozen=True)
class Rows:
    """Some pairs under a title.

    Attributes:
        title: Empty for none.
        pairs: Left and right texts; an empty left one goes on with the row above.
    """

    title: str
    pairs: Sequence[tuple[str, str]]


class ColumnsText(Widget):
    """Shows groups of rows. Texts are cleaned here.

    Attributes:
        plain: All of it as text, for the clipboard.
    """

    DEFAULT_CSS = "ColumnsText { height: auto; width: 1fr; }"

    def __init__(self, groups: Sequence[Rows]) -> None:
        super().__init__()
        self._groups = [
            Rows(one_line(group.title), [(one_line(left), sanitize(right)) for left, right in group.pairs])
            for group in groups
        ]
        widths = [len(left) for group in self._groups for left, _ in group.pairs]
        self._left = min(WIDEST, max(widths, default=0))

    @property
    def plain(self) -> str:
        """The rows in columns, each on one line."""
        return "\n\n".join(self._plain(group) for group in self._groups)

    def render(self) -> Content:
        """The rows for the width that there is."""
        return self._lines(self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """How many lines they take."""
        return self._lines(width).plain.count("\n") + 1

    def _plain(self, group: Rows) -> str:
        rows = [f"{left:<{self._left}}{' ' * GAP}{right}".rstrip() for left, right in group.pairs]
        return "\n".join([*([group.title] if group.title else []), *rows])

    def _lines(self, width: int) -> Content:
        blocks = []
        for group in self._groups:
            lines = [Content.styled(group.title, "bold underline")] if group.title else []
            for left, right in group.pairs:
                lines += self._row(left, right, max(1, width))
            blocks.append(Content("\n").join(lines))
        return Content("\n\n").join(blocks)

    def _row(self, left: str, right: str, width: int) -> list[Content]:
        indent = self._left + GAP
        beside = width - indent >= NARROWEST
        if not beside:
            indent = min(2 * GAP, width // 4)
        beside = beside and len(left) <= self._left
        lines = [
            line for part in right.split("\n") for line in Content(part).wrap(max(1, width - indent)) or [Content("")]
        ]
        head = Content.styled(left, "bold")
        if not beside:
            above = head.wrap(width) if left else []
            return [*above, *(Content(" " * indent) + line for line in lines if line.plain)]
        first = Content.assemble(head, " " * (indent - len(left)), lines[0])
        return [first.rstrip(), *(Content(" " * indent) + line for line in lines[1:])]

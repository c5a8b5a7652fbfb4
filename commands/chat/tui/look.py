"""Colours for what Rich renders, from the theme of the app, and marks that the terminal can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.theme import Theme

_PLAIN: Final = "default"


def markdown_styles(variables: Mapping[str, str]) -> Theme:
    """Styles of Rich's Markdown in the colours of a Textual theme.

    Args:
        variables: `App.theme_variables`.
    """
    accent, primary = variables.get("accent", _PLAIN), variables.get("primary", _PLAIN)
    if not (accent.startswith("#") and primary.startswith("#")):  # The themes of sixteen colours.
        accent, primary = "cyan", "blue"
    heading = f"bold {primary}"
    return Theme(
        {
            "markdown.h1": f"{heading} underline",
            "markdown.h2": f"{heading} underline",
            **{f"markdown.h{level}": heading for level in range(3, 7)},
            "markdown.code": accent,
            "markdown.code_block": accent,
            "markdown.item.bullet": f"bold {primary}",
            "markdown.item.number": f"bold {primary}",
            "markdown.block_quote": "italic",
            "markdown.link": primary,
            "markdown.link_url": f"underline {primary}",
            "markdown.hr": "dim",
            "markdown.table.border": "dim",
            "markdown.table.header": heading,
        }
    )


@dataclass(frozen=True)
class Marks:
    """Small signs.

    Attributes:
        open: Of something that is unfolded.
        folded: Of something that is folded.
        bar: Pieces of a bar: full, empty.
        down: There is more below.
        bad: Something failed.
        dot: Between figures.
        unicode: Whether more than ASCII can be shown.
    """

    open: str = "▾"
    folded: str = "▸"
    bar: tuple[str, str] = ("█", "░")
    down: str = "↓"
    bad: str = "✗"
    dot: str = "·"
    unicode: bool = True


ASCII: Final = Marks(open="v", folded=">", bar=("#", "."), down="v", bad="x", dot="|", unicode=False)
UNICODE: Final = Marks()

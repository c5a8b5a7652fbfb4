"""HTML and SVG by construction: text is escaped unless it is `Markup`, which only this module makes of text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

_EMPTY: Final = ("br", "circle", "line", "meta", "path", "rect")
"""Elements without content."""


class Markup(str):
    """Text that is escaped, or made of elements."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Markup:
    """One element. Attributes lose a ``_`` at their end, other ones become ``-``; None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[str], between: str = "") -> Markup:
    """Pieces one after the other."""
    return Markup(between.join(child if isinstance(child, Markup) else escape(child) for child in children))


def style_sheet(text: str) -> Markup:
    """The element with our own CSS, in which nothing is escaped. Never give it text from elsewhere."""
    return Markup(f"<style>\n{text}</style>")

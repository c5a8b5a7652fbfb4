"""Renders Markdown with Rich to lines that Textual can select and colour. Imported when the first text is shown."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.text import Text
from textual.content import Content

from ...text.sanitize import sanitize
from ..look import markdown_styles


class _LeftHeading(Heading):
    """A heading at the left, without the box that Rich puts around a first one."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Markdown(Markdown):
    """Rich's Markdown, but tags are text: Rich would leave out every ``<word>`` that a model writes."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "heading_open": _LeftHeading}

    def __init__(self, source: str) -> None:
        super().__init__(source, hyperlinks=False)
        self.parsed = [shown for token in self.parsed for shown in _tags_as_text(token)]


def _tags_as_text(token: Token) -> list[Token]:
    for child in token.children or ():
        if child.type == "html_inline":
            child.type = "text"
    if token.type != "html_block":
        return [token]
    children = []
    for number, line in enumerate(token.content.strip("\n").split("\n")):
        children += [Token("hardbreak", "br", 0)] if number else []
        children.append(Token("text", "", 0, content=line))
    inline = Token("inline", "", 0, content=token.content, children=children)
    return [Token("paragraph_open", "p", 1), inline, Token("paragraph_close", "p", -1)]


def render_markdown(source: str, width: int, variables: Mapping[str, str]) -> Content:
    """Markdown as lines of at most ``width`` cells. Links show their address; nothing is a control sequence.

    Args:
        source: Markdown of anyone.
        width: Cells.
        variables: Colours of the theme.
    """
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        theme=markdown_styles(variables),
        highlight=False,
        emoji=False,
    )
    lines = console.render_lines(_Markdown(sanitize(source)), pad=False)
    while lines and not "".join(segment.text for segment in lines[-1]).strip():
        lines.pop()
    while lines and not "".join(segment.text for segment in lines[0]).strip():
        lines.pop(0)
    rows = [Text.assemble(*((segment.text, segment.style or "") for segment in line)) for line in lines]
    for row in rows:
        row.rstrip()
    return Content.from_rich_text(Text("\n").join(rows))

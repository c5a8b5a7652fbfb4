"""`ToolCard`: a call of a function that the model asks for, or the result that it got."""

from __future__ import annotations

import json

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from ..store.parts import ToolCall, ToolResult
from ..text.oneline import one_line
from .code_block import CodeBlock


class ToolCard(Vertical):
    """One call or one result.

    Attributes:
        part: Which.
    """

    DEFAULT_CSS = "ToolCard { height: auto; }"

    def __init__(self, part: ToolCall | ToolResult) -> None:
        super().__init__()
        self.part = part

    def compose(self) -> ComposeResult:
        """What it is, and its content."""
        part = self.part
        if isinstance(part, ToolCall):
            yield Static(Content(f"tool call: {one_line(part.name)}"), classes="tool-head")
            yield CodeBlock(_pretty(part.arguments), "json")
            return
        name = f" of {one_line(part.name)}" if part.name else ""
        yield Static(Content(f"tool {'error' if part.failed else 'result'}{name}"), classes="tool-head")
        yield CodeBlock(_pretty(part.output), "")


def _pretty(text: str) -> str:
    """JSON with its lines, else the text as it is: a model may write anything."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text

"""`ToolCard`: a call of a function that the model asks for, or the result that it got."""

from __future__ import annotations

import json
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click, Key
from textual.message import Message
from textual.widgets import Static, TextArea

from ...store.parts import ToolCall, ToolResult
from ...text.oneline import one_line
from ..composer import NEW_LINE
from ..look import Marks
from .code_block import CodeBlock
from .text_lines import TextLines

LONG: Final = 12
"""Lines of a result that are shown at once."""

SENDING: Final = ("enter", "ctrl+enter")


class ResultField(TextArea):
    """Where a person says what the function has returned: nothing here runs functions."""

    DEFAULT_CSS = "ResultField { height: auto; min-height: 3; max-height: 8; }"

    def __init__(self) -> None:
        words = "What does it return? You answer for the tool: Enter gives it to the model"
        super().__init__(placeholder=words, highlight_cursor_line=False, classes="tool-field")

    async def _on_key(self, event: Key) -> None:
        if event.key in SENDING:
            event.stop()
            event.prevent_default()
            self.post_message(ToolCard.Answered(self.query_ancestor(ToolCard)))
        elif event.key in NEW_LINE:
            event.stop()
            event.prevent_default()
            self.insert("\n")
        else:
            await super()._on_key(event)


class FoldedLine(Static):
    """Says how much of a result is folded away."""

    def on_click(self, event: Click) -> None:
        """Unfolds, or folds."""
        event.stop()
        self.query_ancestor(ToolCard).fold()


class ToolCard(Vertical):
    """One call or one result.

    Attributes:
        part: Which.
        field: Where the result of a call is typed, while the model waits for it.
    """

    DEFAULT_CSS = "ToolCard { height: auto; }"

    class Answered(Message):
        """Enter was pressed in the field of a result."""

        def __init__(self, card: ToolCard) -> None:
            super().__init__()
            self.card = card

    def __init__(self, part: ToolCall | ToolResult, marks: Marks) -> None:
        super().__init__()
        self.part = part
        self.field: ResultField | None = None
        self._marks = marks
        self._text = pretty(part.arguments if isinstance(part, ToolCall) else part.output)
        self._long = isinstance(part, ToolResult) and self._text.count("\n") >= LONG
        self._folded = self._long
        self._line = FoldedLine(classes="tool-fold")
        self._code = TextLines(self._block())

    @property
    def is_call(self) -> bool:
        """Whether it is a call."""
        return isinstance(self.part, ToolCall)

    @property
    def result(self) -> ToolResult | None:
        """What was typed as result; None for nothing."""
        if not isinstance(self.part, ToolCall) or self.field is None or not self.field.text.strip():
            return None
        return ToolResult(self.part.id, self.field.text, self.part.name)

    def compose(self) -> ComposeResult:
        """What it is, and its content."""
        part = self.part
        if isinstance(part, ToolCall):
            head = f"tool call: {one_line(part.name)}"
        else:
            name = f" of {one_line(part.name)}" if part.name else ""
            head = f"tool {'error' if part.failed else 'result'}{name}"
        yield Static(Content(head), classes="tool-head")
        yield self._code
        if self._long:
            yield self._line

    def on_mount(self) -> None:
        """Says what is folded."""
        self._describe()

    def fold(self) -> None:
        """Folds a long result, or unfolds it."""
        if self._long:
            self._folded = not self._folded
            self._code.show(self._block())
            self._describe()

    def _block(self) -> CodeBlock:
        return CodeBlock(self._shown, "json" if self.is_call else "")

    async def ask(self) -> None:
        """Asks for the result of the call."""
        if self.field is None and isinstance(self.part, ToolCall):
            self.field = ResultField()
            await self.mount(self.field)

    async def stop_asking(self) -> None:
        """The model does not wait for a result any more."""
        if self.field is not None:
            field, self.field = self.field, None
            await field.remove()

    @property
    def _shown(self) -> str:
        return "\n".join(self._text.split("\n")[:LONG]) if self._folded else self._text

    def _describe(self) -> None:
        if self._folded:
            more = self._text.count("\n") + 1 - LONG
            self._line.update(Content(f"{self._marks.folded} {more} more lines"))
        else:
            self._line.update(Content(f"{self._marks.open} fold"))


def pretty(text: str) -> str:
    """JSON with its lines, else the text as it is: a model may write anything."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text

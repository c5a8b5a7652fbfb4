"""`MessageView`: one message of the conversation, stored or just coming."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message as WidgetMessage
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from ...client.events import ScoredToken
from ...session.reply import Reply
from ...store.messages import Message, Role
from ...store.parts import Image, Part, Reasoning, Text, ToolCall, ToolResult
from ...text.oneline import one_line
from ..keys import MESSAGE, bindings
from ..look import Marks
from .answer import Answer
from .logprobs_view import ScoresView
from .picture_chip import PictureChip
from .placed import placed_size
from .shown import Shown, figures_line
from .thoughts import Showing, Thoughts
from .tool_card import ToolCard

ENDINGS: Final = {
    "length": "cut off at its longest length",
    "cancelled": "stopped",
    "interrupted": "interrupted",
    "error": "failed",
    "content_filter": "cut off by the server's filter",
}
"""Why an answer ended before its end."""


class MessageView(Vertical, can_focus=True):
    """Shows a message: who speaks, reasoning, text, pictures, tool calls, and the numbers while it has the focus.

    Attributes:
        role: Who speaks.
        shown: The message as it is stored; None while it is not.
        delete_asked: When Delete was pressed last, by `time.monotonic`.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(MESSAGE)

    virtual_size = placed_size()

    class Chosen(WidgetMessage):
        """A key was pressed on a message; ``what`` is the word of the row in `keys.MESSAGE`."""

        def __init__(self, view: MessageView, what: str) -> None:
            super().__init__()
            self.view = view
            self.what = what

    def __init__(
        self,
        role: Role,
        parts: Sequence[Part],
        marks: Marks,
        *,
        showing: Showing,
        name: str,
        shown: Shown | None = None,
    ) -> None:
        """
        Args:
            role: Who speaks.
            parts: What is said so far.
            marks: Signs.
            showing: How reasoning is shown.
            name: Who speaks, for people.
            shown: The message as it is stored.
        """
        super().__init__(classes=f"message -{role}")
        self.role = role
        self.shown = shown
        self.delete_asked: float | None = None
        self._parts = tuple(parts)
        self._marks = marks
        self._showing: Showing = showing
        self._who = Static(Content(one_line(name)), classes="message-who")
        self._note = Static("", classes="message-note")
        self._numbers = Static("", classes="message-figures")
        self._thoughts: Thoughts | None = None
        self._answer: Answer | None = None
        self._tokens: ScoresView | None = None

    @property
    def message(self) -> Message | None:
        """The stored message."""
        return None if self.shown is None else self.shown.message

    @property
    def text(self) -> str:
        """The text that is shown."""
        return "" if self._answer is None else self._answer.source

    @property
    def answer(self) -> Answer | None:
        """The widget of the text."""
        return self._answer

    @property
    def thoughts(self) -> Thoughts | None:
        """The widget of the reasoning."""
        return self._thoughts

    @property
    def tokens(self) -> ScoresView | None:
        """The widget of the tokens, where they stand in place of the text."""
        return self._tokens

    @property
    def cards(self) -> list[ToolCard]:
        """The calls of tools, and results."""
        return list(self.query(ToolCard))

    def compose(self) -> ComposeResult:
        """Head, parts, numbers."""
        with Horizontal(classes="message-head"):
            yield self._who
            yield self._note
        if self._tokens is not None:
            yield self._tokens
        for part in self._parts:
            yield self._widget(part)
        yield self._numbers

    def render_lines(self, crop: Region) -> list[Strip]:
        """Without the focus nothing but blank lines, which need not be drawn one by one (see `Answer`)."""
        if self.has_focus:
            return super().render_lines(crop)
        return [Strip.blank(crop.width, self.visual_style.rich_style)] * crop.height

    def on_mount(self) -> None:
        """Shows what the store says."""
        self._describe()
        self._show_text()

    def action_choose(self, what: str) -> None:
        """Tells what was pressed."""
        self.post_message(self.Chosen(self, what))

    async def feed(self, text: str) -> None:
        """More of the answer has come."""
        if self._answer is None:
            self._answer = Answer()
            await self.mount(self._answer, before=self._numbers)
        self._answer.feed(text)

    async def think(self, text: str) -> None:
        """More of the reasoning has come."""
        if self._thoughts is None:
            self._thoughts = Thoughts("", self._marks, showing=self._showing)
            await self.mount(self._thoughts, after=self.children[0])
        self._thoughts.feed(text)

    async def replace(self, reasoning: str, text: str) -> None:
        """What came as answer was reasoning."""
        if self._thoughts is None:
            await self.think("")
        assert self._thoughts is not None
        self._thoughts.replace(reasoning)
        if self._answer is not None:
            self._answer.replace(text)
        elif text:
            await self.feed(text)

    async def close(self, reply: Reply) -> None:
        """The answer is complete."""
        if self._thoughts is not None:
            self._thoughts.close(reply.reasoning_seconds, reply.usage.reasoning_tokens if reply.usage else None)
        if self._answer is not None:
            self._answer.close()
        for call in reply.tool_calls:
            await self.mount(ToolCard(call, self._marks), before=self._numbers)

    def end_thinking(self, seconds: float | None) -> None:
        """The answer itself has begun."""
        if self._thoughts is not None:
            self._thoughts.close(seconds, None)

    async def show_scores(self, scores: Sequence[ScoredToken] | None, *, plain: bool) -> None:
        """Shows the tokens of an answer in place of its text; None shows the text again.

        Args:
            scores: The tokens; none of them when nobody asked for probabilities.
            plain: Whether colours cannot be shown.
        """
        if self._tokens is not None:
            await self._tokens.remove()
            self._tokens = None
        if scores is not None and self.role == "assistant" and (scores or self._answer is not None):
            self._tokens = ScoresView(scores, plain=plain, unicode=self._marks.unicode)
            await self.mount(self._tokens, before=self._numbers if self._answer is None else self._answer)
        self._show_text()

    def begin_with_scores(self, scores: Sequence[ScoredToken], *, plain: bool) -> None:
        """As `show_scores`, before the view is mounted."""
        if self.role == "assistant" and any(isinstance(part, Text) for part in self._parts):
            self._tokens = ScoresView(scores, plain=plain, unicode=self._marks.unicode)

    def settle(self, shown: Shown) -> None:
        """It is stored now, or its siblings have changed."""
        self.shown = shown
        self._describe()

    def show_thoughts(self, showing: Showing) -> None:
        """Folds, unfolds or hides reasoning."""
        self._showing = showing
        if self._thoughts is not None:
            self._thoughts.show(showing)

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks places in the text where one of ``words`` stands; none takes the marks away."""
        if self._answer is not None:
            self._answer.mark(*words, current=current)

    def _show_text(self) -> None:
        if self._answer is not None:
            self._answer.display = self._tokens is None or not self._tokens.scores

    def _describe(self) -> None:
        if self.shown is None:
            return
        message = self.shown.message
        if message.model and message.role == "assistant":
            self._who.update(Content(one_line(message.model)))
        words = [ENDINGS.get(message.finish_reason, ""), self.shown.label]
        self._note.update(Content(f" {self._marks.dot} ".join(word for word in words if word)))
        if self.shown.figures is not None:
            self._numbers.update(Content(figures_line(self.shown.figures, self._marks.dot)))

    def _widget(self, part: Part) -> Widget:
        match part:
            case Text(text):
                self._answer = Answer(text, plain=self.role == "user")
                return self._answer
            case Reasoning(text, seconds, tokens):
                self._thoughts = Thoughts(text, self._marks, showing=self._showing, seconds=seconds, tokens=tokens)
                return self._thoughts
            case Image():
                return PictureChip(part)
            case ToolCall() | ToolResult():
                return ToolCard(part, self._marks)

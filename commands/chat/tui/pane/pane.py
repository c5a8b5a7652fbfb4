"""`ChatPane`: one conversation with one model: its messages, the answer that comes, and its figures."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final

from textual.app import ComposeResult
from textual.message import Message as WidgetMessage
from textual.timer import Timer

from sgl.errors import SglError

from ...client.events import Event, ReasoningDelta, Replaced, TextDelta
from ...session.session import Session
from ...store.chat_store import ChatStore
from ...store.messages import Message
from ...store.parts import Part, Parts, Text, ToolResult
from ..look import Marks
from ..message.logprobs_view import ScoresView
from ..message.message_view import MessageView
from ..message.picture_chip import PictureChip
from ..message.shown import Shown, shown_path
from ..message.thoughts import Showing
from ..message.tool_card import ToolCard
from .crash_log import hint_of
from .end_pill import EndPill
from .error_card import ErrorCard
from .extras import show_extras
from .pace import INTERVAL, Pace
from .pane_base import PaneBase
from .scores import ALTERNATIVES, Scores
from .status_line import StatusLine, numbers_of, stored_numbers
from .stream import AnswerStream, Ended
from .token_panel import TokenPanel
from .tokens import show_token, turn_off_if_refused
from .tool_results import answer_call, ask_for_results
from .transcript import Transcript

LEAVE_SECONDS: Final = 3.0
"""How long the end waits for an answer to be kept."""

Events = Generator[Event, None, None]


class ChatPane(PaneBase):
    """Shows one conversation.

    Attributes:
        store: Where conversations are kept.
        thread_id: The one that is shown.
        session: Whom it is with; None while no server is found.
        transcript: Its messages.
        status: Its figures.
        showing: How reasoning is shown.
        scores: The probabilities of answers.
        alternatives: What could have stood in place of one token.
        request_extra: More fields for every request, such as ``response_format``; another server gets them, too.
        request_tools: What the model may call; another server gets them, too.
        tells_cached: Whether the next answer tells what of the prompt came from the cache: after a fork.
    """

    class Changed(WidgetMessage):
        """An answer began or ended, or the conversation is another: title, state and lists may differ."""

        def __init__(self, pane: ChatPane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(
        self, store: ChatStore, thread_id: str, marks: Marks, showing: Showing, environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__(classes="pane")
        self.store = store
        self.thread_id = thread_id
        self.session: Session | None = None
        self.showing: Showing = showing
        self.marks = marks
        self.transcript = Transcript(self.view_of)
        self.status = StatusLine(marks)
        self.scores = Scores()
        self.alternatives = TokenPanel(marks)
        self.request_extra: Mapping[str, object] = {}
        self.request_tools: tuple[Mapping[str, Any], ...] = ()
        self.tells_cached = False
        self._environ = environ
        self._pill = EndPill(marks, self.transcript)
        self._stream: AnswerStream | None = None
        self._live: MessageView | None = None
        self._going_on: Message | None = None  # The answer that the one that comes goes on with.
        self._again: Callable[[Session], Events] | None = None
        self._waiting: Parts | None = None  # A question from before there was a server.
        self._timer: Timer | None = None
        self.pace = Pace()
        self._begun = asyncio.Event()  # What is stored is shown: nothing may be asked before.

    def compose(self) -> ComposeResult:
        """Messages above figures."""
        yield self.transcript
        yield self._pill
        yield self.alternatives
        yield self.status

    def on_mount(self) -> None:
        """Shows what is stored."""
        self._pill.display = False
        self._timer = self.set_interval(INTERVAL, self._drain, pause=True)
        # Later: mounting messages from here would wait for the screen, which waits for this.
        self.call_later(self._begin)

    @property
    def streaming(self) -> bool:
        """Whether an answer comes."""
        return self._stream is not None

    @property
    def path(self) -> list[Message]:
        """The messages of the branch that is shown, from the store."""
        return self.store.messages.path(self.store.threads.get(self.thread_id).tip_hash)

    @property
    def plain(self) -> bool:
        """Whether colours alone must say nothing."""
        return self.app.no_color or "NO_COLOR" in self._environ or not self.marks.unicode

    def view_of(self, shown: Shown) -> MessageView:
        """The view of a stored message."""
        message = shown.message
        name = "you" if message.role == "user" else message.model or message.role
        view = MessageView(message.role, message.parts, self.marks, showing=self.showing, name=name, shown=shown)
        if self.scores.on:
            view.begin_with_scores(self.scores.of(message), plain=self.plain)
        return view

    async def _begin(self) -> None:
        try:
            await self.show_thread(self.thread_id)
        finally:
            self._begun.set()

    async def attach(self, session: Session) -> None:
        """A server is found; what was asked before is asked now."""
        await self._begun.wait()
        self.session = session
        session.extra, session.tools = self.request_extra, self.request_tools
        session.logprobs = ALTERNATIVES if self.scores.on else 0
        if self._waiting is not None:
            parts, self._waiting = self._waiting, None
            await self._run(lambda session: session.ask(parts), retry=lambda session: session.retry())
        self.post_message(self.Changed(self))

    async def show_thread(self, thread_id: str) -> None:
        """Shows another conversation, or this one as it is stored now."""
        self.leave()
        self.thread_id = thread_id
        if self.session is not None:
            self.session.thread_id = thread_id
            self.session.options = self.store.threads.get(thread_id).settings
        path = shown_path(self.store, thread_id)
        await self.transcript.load(path)
        self.alternatives.hide()
        await ask_for_results(self, take_focus=False)
        figures = next((shown.figures for shown in reversed(path) if shown.figures is not None), None)
        if figures is not None:
            self.status.show_numbers(stored_numbers(figures))
        self.post_message(self.Changed(self))

    async def ask(self, parts: Sequence[Part] | str) -> None:
        """Asks something; without a server it waits for one."""
        content: Parts = (Text(parts),) if isinstance(parts, str) else tuple(parts)
        await self._begun.wait()
        await self.transcript.cut(None)
        await self.transcript.add(MessageView("user", content, self.marks, showing=self.showing, name="you"))
        self.transcript.follow()
        if self.session is None:
            self._waiting = content
            return
        await self._run(lambda session: session.ask(content), retry=lambda session: session.retry())

    async def edit(self, message: Message, parts: Sequence[Part]) -> None:
        """Says a question differently and asks it; an answer is only said differently."""
        content = tuple(parts)
        if message.role != "user":
            self.store.messages.edit(self.thread_id, message.hash, content)
            await self.show_thread(self.thread_id)
            return
        await self.transcript.cut(message.hash)
        await self.transcript.add(MessageView("user", content, self.marks, showing=self.showing, name="you"))
        await self._run(lambda session: session.edit(message.hash, content), retry=lambda session: session.retry())

    async def regenerate(self, message: Message) -> None:
        """Answers once more: an answer gets a sibling, a question or a tool's result another answer."""
        path = self.path
        if message.role != "assistant":
            hashes = [each.hash for each in path]
            at = hashes.index(message.hash)
            await self.transcript.cut(hashes[at + 1] if at + 1 < len(hashes) else None)
            await self._run(lambda session: session.answer(message.hash))
            return
        await self.transcript.cut(message.hash)
        await self._run(lambda session: session.regenerate(message.hash))

    async def resume(self, message: Message) -> None:
        """Goes on with an answer that was cut off."""
        await self.transcript.cut(message.hash)
        await self._run(lambda session: session.resume(message.hash), parts=message.parts)
        self._going_on = message

    async def give_results(self, results: Sequence[ToolResult]) -> None:
        """Answers the model's calls of tools."""
        await self.transcript.cut(None)
        for result in results:
            await self.transcript.add(MessageView("tool", (result,), self.marks, showing=self.showing, name="tool"))
        await self._run(lambda session: session.give_results(results))

    async def retry(self) -> None:
        """Does once more what failed, else answers the last question once more."""
        if self._again is not None:
            again = self._again
            await self.transcript.cut(None)
            await self._run(again)
            return
        asked = next((message for message in reversed(self.path) if message.role == "user"), None)
        if asked is not None:
            await self.regenerate(asked)

    def stop(self) -> None:
        """Stops the answer; what has come is kept."""
        if self._stream is not None:
            self._stream.stop()

    def leave(self) -> None:
        """Stops the answer and waits until it is kept."""
        if self._stream is not None:
            self._stream.stop()
            self._stream.join(LEAVE_SECONDS)
            self._stream, self._live = None, None
            self._pause()

    def show_thoughts(self, showing: Showing) -> None:
        """Folds, unfolds or hides reasoning everywhere."""
        self.showing = showing
        for view in self.transcript.views:
            view.show_thoughts(showing)

    def on_transcript_moved(self, event: Transcript.Moved) -> None:
        """The end came into sight, or left it."""
        event.stop()
        self._pill.display = not event.at_end

    async def on_picture_chip_wanted(self, event: PictureChip.Wanted) -> None:
        """A picture needs its bytes."""
        event.stop()
        try:
            attachment = self.store.attachments.get(event.chip.part.sha256)
        except SglError:
            return  # Its name is shown; asking the model tells what is wrong.
        await event.chip.show(attachment)

    async def on_tool_card_answered(self, event: ToolCard.Answered) -> None:
        """The result of a call was typed."""
        event.stop()
        await answer_call(self, event.card.query_ancestor(MessageView))

    async def on_scores_view_chosen(self, event: ScoresView.Chosen) -> None:
        """Somebody looks at a token."""
        event.stop()
        await show_token(self, event.view, event.token)

    async def on_error_card_retry(self, event: ErrorCard.Retry) -> None:
        """Somebody wants it tried again; without a server that is the screen's to do."""
        if self.session is not None:
            event.stop()
            await self.retry()

    async def _run(
        self, begin: Callable[[Session], Events], *, parts: Parts = (), retry: Callable[[Session], Events] | None = None
    ) -> None:
        """Begins an answer.

        Args:
            begin: Makes its events.
            parts: What of it is there already.
            retry: Makes them once more after a failure, where that is something else.
        """
        assert self.session is not None
        self._going_on = None
        self._again = retry or begin
        live = MessageView("assistant", parts, self.marks, showing=self.showing, name=self.session.model)
        await self.transcript.add(live)
        self.transcript.follow()
        self._live = live
        self._stream = AnswerStream(self.session, begin(self.session))
        if self._timer is not None:
            self._timer.resume()
        self.status.show_state("waiting for the first token")
        self.post_message(self.Changed(self))

    async def _drain(self) -> None:
        """Shows what has come since the last time."""
        stream, live = self._stream, self._live
        if stream is None or live is None or not self.pace.begin():
            return
        ended: Ended | None = None
        for event in stream.take():
            match event:
                case TextDelta(text):
                    if live.thoughts is not None and not live.text and self.session and self.session.reply:
                        live.end_thinking(self.session.reply.reasoning_seconds)
                    await live.feed(text)
                case ReasoningDelta(text):
                    await live.think(text)
                case Replaced(reasoning, text):
                    await live.replace(reasoning, text)
                case Ended():
                    ended = event
        if ended is not None:
            await self._finish(live, ended.error)
            return
        self._show_speed()
        self.call_after_refresh(self.pace.done)

    def _show_speed(self) -> None:
        reply = self.session.reply if self.session else None
        if reply is not None and reply.ttft is not None:
            self.status.show_state("")
            self.status.show_numbers(numbers_of(reply, streaming=True))

    async def _finish(self, live: MessageView, error: Exception | None) -> None:
        assert self.session is not None
        self._stream, self._live = None, None
        self._pause()
        reply = self.session.reply
        self.status.show_state("")
        if reply is not None:
            self.status.show_numbers(numbers_of(reply, streaming=False))
            await live.close(reply)
        if self.session.message is None:
            await live.remove()
        before = self.scores.of(self._going_on)
        await self._settle()
        await show_extras(self, live, before)
        if error is None:
            self._again = None
        else:
            await turn_off_if_refused(self, error)
            await self.show_error(error)
        self.post_message(self.Changed(self))

    async def show_error(self, error: Exception) -> None:
        """Shows what went wrong below the messages."""
        if isinstance(error, SglError):
            card = ErrorCard(error.message, error.hint, self.marks.bad)
        else:
            words = f"something is wrong in sgl itself: {type(error).__name__}: {error}"
            card = ErrorCard(words, hint_of(error, self._environ), self.marks.bad)
        await self.transcript.add(card)

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.pause()

    async def _settle(self) -> None:
        """Tells the views what the store made of their messages."""
        path, views = shown_path(self.store, self.thread_id), self.transcript.views
        if len(path) != len(views) + self.transcript.older:
            await self.transcript.load(path)
            return
        for view, shown in zip(reversed(views), reversed(path), strict=False):
            if view.message is not None and view.message.hash != shown.message.hash:
                await self.transcript.load(path)
                return
            view.settle(shown)

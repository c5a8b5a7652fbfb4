"""`Session`: asks one model about one stored conversation, and keeps each reply while it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sgl.errors import SglError, UsageError, echo

from ..client.events import Event
from ..client.failures import Refused
from ..client.stop import Stop
from ..store.chat_store import ChatStore
from ..store.drafts import Draft
from ..store.messages import Message
from ..store.parts import Part, Text, ToolCall, ToolResult
from ..store.threads import Thread
from ..transfer.openai import request_messages
from .reply import Reply

if TYPE_CHECKING:
    from ..client.http import ChatClient

CANCELLED: Final = "cancelled"
FAILED: Final = "error"

_GOING_ON: Final = {"continue_final_message": True, "add_generation_prompt": False}
"""Asks our server, SGLang's and vLLM's to go on with the last message."""

_SAID_OF_GOING_ON: Final = (*_GOING_ON, "assistant", "Extra inputs", "extra_forbidden")
"""What other servers name when they refuse that."""


@dataclass
class Session:
    """A conversation and whom it is with.

    Attributes:
        store: Where it is kept.
        client: Who is asked.
        model: What is asked for.
        thread_id: The conversation.
        options: Parameters of every request.
        stream: Whether answers are asked for in pieces.
        extra: More fields for every request, such as ``response_format``; not kept.
        tools: What the model may call, as OpenAI's API describes it; not kept.
        logprobs: How many alternatives to ask for with each token; 0 asks for no probabilities.
        clock: What answers are timed with, in seconds.
        reply: The last answer, or the one that comes; None before the first.
        message: The last answer as it was kept; None before it is, or when nothing came.
    """

    store: ChatStore
    client: ChatClient
    model: str
    thread_id: str
    options: Mapping[str, object] = field(default_factory=dict)
    stream: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)
    tools: Sequence[Mapping[str, Any]] = ()
    logprobs: int = 0
    clock: Callable[[], float] = time.monotonic
    reply: Reply | None = None
    message: Message | None = None
    _stop: Stop = field(default_factory=Stop, init=False, repr=False)
    _draft: Draft | None = field(default=None, init=False, repr=False)

    @property
    def thread(self) -> Thread:
        """The conversation as it is now."""
        return self.store.threads.get(self.thread_id)

    @property
    def events_kept(self) -> int | None:
        """How many events of the answer that comes are on disk; None when none comes, or the disk fails."""
        draft = self._draft
        return None if draft is None or draft.problem is not None else draft.on_disk

    def stop(self) -> None:
        """Ends the answer that was last asked for, from any thread: its events just end, and what had come is kept.

        It counts from the call that asks on, whether or not the first event was taken.
        """
        self._stop.set()

    def ask(self, parts: Sequence[Part] | str) -> Generator[Event, None, None]:
        """Says something and yields the answer's events.

        Closing the iterator stops the answer; what had come is kept, as it is after `stop` and after an error.
        One answer at a time.

        Raises:
            ChatError: See `ChatClient.ask`.
            StoreError: It cannot be kept.
        """
        return self._say(self._new_stop(), parts)

    def retry(self) -> Generator[Event, None, None]:
        """Answers the last question once more, beside the old answer; otherwise as `ask`.

        What a tool said last is answered, too, when nothing came after it.

        Raises:
            UsageError: Nothing was asked yet.
        """
        return self._retry(self._new_stop())

    def answer(self, hash: str) -> Generator[Event, None, None]:
        """Answers the message ``hash`` once more, beside the answers that it has; otherwise as `ask`.

        Raises:
            UsageError: It is an answer itself.
        """
        return self._answer_to(self._new_stop(), hash)

    def regenerate(self, hash: str) -> Generator[Event, None, None]:
        """Gives another answer beside the answer ``hash``; otherwise as `ask`.

        Raises:
            UsageError: It is no answer.
        """
        return self._regenerate(self._new_stop(), hash)

    def edit(self, hash: str, parts: Sequence[Part] | str) -> Generator[Event, None, None]:
        """Says the user's message ``hash`` differently, beside it; otherwise as `ask`.

        Raises:
            UsageError: It is no message of the user.
        """
        return self._edit(self._new_stop(), hash, parts)

    def resume(self, hash: str) -> Generator[Event, None, None]:
        """Goes on with the answer ``hash``; otherwise as `ask`.

        The events are what is new. What is kept is a message beside the old one that holds both, or none when
        nothing new came.

        Raises:
            UsageError: It is no answer, or one that has no text or calls tools.
            ChatError: Also when the server cannot do that; then with a hint.
        """
        return self._resume(self._new_stop(), hash)

    def give_results(self, results: Sequence[ToolResult]) -> Generator[Event, None, None]:
        """Says what the tools that the last answer calls have said, and lets the model go on; otherwise as `ask`.

        Raises:
            UsageError: The last message calls no tools, or the results are not those of its calls.
        """
        return self._give_results(self._new_stop(), results)

    def request_messages(self) -> list[dict[str, Any]]:
        """The branch that is shown, as it is sent, with the system prompt."""
        thread = self.thread
        path = self.store.messages.path(thread.tip_hash)
        return request_messages(path, self.store.attachments.get, system=thread.system)

    def undo(self) -> Message | None:
        """Goes back to before the last question, which is returned; both stay in the store as a branch."""
        asked = self.last_question()
        if asked is not None:
            self.store.threads.move(self.thread_id, asked.parent_hash)
        return asked

    def last_question(self) -> Message | None:
        """The last message of the user on the branch that is shown."""
        path = self.store.messages.path(self.thread.tip_hash)
        return next((message for message in reversed(path) if message.role == "user"), None)

    def _new_stop(self) -> Stop:
        # Made where the answer is asked for, not where its first event is taken: a stop in between counts.
        self._stop = Stop()
        return self._stop

    def _say(self, stop: Stop, parts: Sequence[Part] | str) -> Generator[Event, None, None]:
        said = self.store.messages.append(self.thread_id, "user", parts)
        yield from self._answer(stop, said.hash)

    def _retry(self, stop: Stop) -> Generator[Event, None, None]:
        path = self.store.messages.path(self.thread.tip_hash)
        asked = path[-1] if path and path[-1].role == "tool" else self.last_question()
        if asked is None:
            raise UsageError("there is nothing to answer yet")
        yield from self._answer(stop, asked.hash)

    def _answer_to(self, stop: Stop, hash: str) -> Generator[Event, None, None]:
        if self.store.messages.get(hash).role == "assistant":
            raise UsageError("this is an answer itself")
        yield from self._answer(stop, hash)

    def _regenerate(self, stop: Stop, hash: str) -> Generator[Event, None, None]:
        old = self.store.messages.get(hash)
        if old.role != "assistant" or old.parent_hash is None:
            raise UsageError("only an answer can be given anew")
        yield from self._answer(stop, old.parent_hash)

    def _edit(self, stop: Stop, hash: str, parts: Sequence[Part] | str) -> Generator[Event, None, None]:
        if self.store.messages.get(hash).role != "user":
            raise UsageError("only what you said yourself can be edited")
        said = self.store.messages.edit(self.thread_id, hash, parts)
        yield from self._answer(stop, said.hash)

    def _resume(self, stop: Stop, hash: str) -> Generator[Event, None, None]:
        old = self.store.messages.get(hash)
        if old.role != "assistant" or old.parent_hash is None:
            raise UsageError("only an answer can be gone on with")
        if any(isinstance(part, ToolCall) for part in old.parts):
            raise UsageError("an answer that calls tools cannot be gone on with", hint="regenerate it")
        if not old.parts or not isinstance(old.parts[-1], Text) or not old.text:
            raise UsageError("there is no text yet to go on with", hint="regenerate it, with more max_tokens")
        try:
            yield from self._answer(stop, old.parent_hash, going_on=old)
        except Refused as error:
            if error.hint is None and any(word in error.said for word in _SAID_OF_GOING_ON):
                error.hint = "this server may not be able to go on with an answer: regenerate it, or ask for the rest"
            raise

    def _give_results(self, stop: Stop, results: Sequence[ToolResult]) -> Generator[Event, None, None]:
        path = self.store.messages.path(self.thread.tip_hash)
        calls = [part.id for part in path[-1].parts if isinstance(part, ToolCall)] if path else []
        if not calls:
            raise UsageError("the last message calls no tools")
        if sorted(calls) != sorted(result.id for result in results):
            raise UsageError(f"there must be one result for each call: {', '.join(map(echo, calls))}")
        said = self.store.messages.append(self.thread_id, "tool", results)
        yield from self._answer(stop, said.hash)

    def _request(self, tip_hash: str) -> dict[str, object]:
        path = self.store.messages.path(tip_hash)
        messages = request_messages(path, self.store.attachments.get, system=self.thread.system)
        request: dict[str, object] = {"model": self.model, "messages": messages, **self.options}
        if self.logprobs:
            request |= {"logprobs": True, "top_logprobs": self.logprobs}
        if self.tools:
            request["tools"] = list(self.tools)
        return {**request, **self.extra}

    def _answer(self, stop: Stop, parent_hash: str, going_on: Message | None = None) -> Generator[Event, None, None]:
        """Asks for an answer to ``parent_hash``, or for the rest of ``going_on``, and keeps it."""
        request = self._request(parent_hash) if going_on is None else {**self._request(going_on.hash), **_GOING_ON}
        url, before = self.client.endpoint.url, () if going_on is None else going_on.parts
        draft = self.store.drafts.begin(self.thread_id, parent_hash, url=url, model=self.model, params=self.options)
        self.message, self._draft = None, draft
        reply = self.reply = Reply(self.model, self.clock, before=before)
        ending, problem = CANCELLED, ""
        try:
            with closing(self.client.ask(request, stream=self.stream, stop=stop)) as events:
                for event in events:
                    reply.add(event)
                    draft.update(reply.parts)
                    yield event
            ending = reply.finish_reason or (CANCELLED if stop.is_set else "stop")
        except SglError as error:
            ending, problem = FAILED, error.message
            raise
        finally:
            reply.finish_reason = ending
            self._draft = None
            self.message = draft.finish(ending, parts=reply.parts, figures=reply.figures, error=problem)

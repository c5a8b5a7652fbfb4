"""`Session`: asks one model about one stored conversation, and keeps each reply while it comes."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sgl.errors import SglError, UsageError

from ..client.events import Event
from ..store.chat_store import ChatStore
from ..store.messages import Message
from ..store.parts import Part
from ..store.threads import Thread
from ..transfer.openai import request_messages
from .reply import Reply

if TYPE_CHECKING:
    from ..client.http import ChatClient

CANCELLED: Final = "cancelled"
FAILED: Final = "error"


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
    reply: Reply | None = None
    message: Message | None = None

    @property
    def thread(self) -> Thread:
        """The conversation as it is now."""
        return self.store.threads.get(self.thread_id)

    def ask(self, parts: Sequence[Part] | str) -> Generator[Event, None, None]:
        """Says something and yields the answer's events.

        Closing the iterator stops the answer; what had come is kept, as it is after an error.

        Raises:
            ChatError: See `ChatClient.ask`.
            StoreError: It cannot be kept.
        """
        said = self.store.messages.append(self.thread_id, "user", parts)
        yield from self._answer(said.hash)

    def retry(self) -> Generator[Event, None, None]:
        """Answers the last question once more, beside the old answer; otherwise as `ask`.

        Raises:
            UsageError: Nothing was asked yet.
        """
        asked = self.last_question()
        if asked is None:
            raise UsageError("there is nothing to answer yet")
        yield from self._answer(asked.hash)

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

    def _answer(self, parent_hash: str) -> Generator[Event, None, None]:
        path = self.store.messages.path(parent_hash)
        messages = request_messages(path, self.store.attachments.get, system=self.thread.system)
        request = {"model": self.model, "messages": messages, **self.options, **self.extra}
        draft = self.store.drafts.begin(
            self.thread_id, parent_hash, url=self.client.endpoint.url, model=self.model, params=self.options
        )
        self.message = None
        reply = self.reply = Reply(self.model)
        ending, problem = CANCELLED, ""
        try:
            for event in self.client.ask(request, stream=self.stream):
                reply.add(event)
                draft.update(reply.parts)
                yield event
            ending = reply.finish_reason or "stop"
        except SglError as error:
            ending, problem = FAILED, error.message
            raise
        finally:
            reply.finish_reason = ending
            self.message = draft.finish(ending, parts=reply.parts, figures=reply.figures, error=problem)

"""One request as its consumer sees it: `GenerateSpec` goes in, a `Generation` streams `Update`s out."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sgl.errors import SglError
from sgl.protocol.messages import Delta, LogprobRequest, Timings, TokenLogprob
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.journal import JournalEntry
from sgl.tokenizer.detokenize import Detokenizer


@dataclass(frozen=True, slots=True)
class GenerateSpec:
    """What is asked of the engine.

    Attributes:
        prompt_ids: Token ids of the prompt; at least one.
        sampling: How to draw and when to end.
        logprobs: Which log probabilities to report.
        namespace: Separates prefix caches; requests of different namespaces share no prefix.
        continues: The answer goes on with the prompt's text, as a completion does, so its first space is kept;
            a chat's answer is a text of its own.
        priority: Higher is served earlier where the schedule policy knows priorities.
        label: The client's own request id: for logs and `EngineClient.abort_matching` only.
    """

    prompt_ids: Sequence[int]
    sampling: SamplingParams
    logprobs: LogprobRequest = field(default_factory=LogprobRequest)
    namespace: str = ""
    continues: bool = True
    priority: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class FinishReason:
    """Why a request ended.

    ``matched`` of a ``stop`` is the token id or the stop string; ``message`` of an ``abort`` says why.
    """

    kind: Literal["stop", "length", "abort"]
    matched: int | str | None = None
    message: str = ""


@dataclass(slots=True)
class Update:
    """What is new since the last update.

    Attributes:
        text: New text, often empty while a character or a possible stop string is incomplete.
        token_ids: New output ids.
        logprobs: One per new id when they were asked for, else empty.
        finish: Set on the last update only.
    """

    text: str
    token_ids: list[int]
    logprobs: list[TokenLogprob]
    finish: FinishReason | None


class Observer(Protocol):
    """What wants to know how requests fare, such as the server's metrics; told in the event loop's thread."""

    def advanced(self, generation: Generation, tokens: int) -> None:
        """The engine brought ``tokens`` (at least 1) more; the generation holds them already."""
        ...

    def ended(self, generation: Generation) -> None:
        """Nothing will be added any more: ``generation.finish`` or ``generation.error`` says why."""
        ...


class Generation:
    """One request, live or ended: an async iterator of `Update` for one consumer.

    The attributes always hold the whole so far and an update is what lies beyond the consumer's last
    one. So a slow consumer gets several steps in one update, and memory is bounded by the output.

    ``completion_tokens`` counts every generated token up to and including the one that ended the request
    (the end token, or the token that completed a stop string); what the engine computed beyond is dropped.
    The text of an end token or a stop string is left out unless ``no_stop_trim`` is set.

    Attributes:
        id: 128 random bits in hex; names the request to the outside.
        label: The client's own id.
        prompt_ids: Token ids of the prompt.
        cached_tokens: Prompt tokens that came from the prefix cache.
        output_ids: Generated ids so far.
        text: Text so far: the concatenation of all updates' texts.
        output_logprobs: One per output id when they were asked for.
        prompt_logprobs: From ``logprobs.prompt_start`` on; None unless asked for. Position 0 is None.
        timings: Seconds queued, in prefill and in decode as the engine saw them; None until the end.
        finish: Why it ended; None while it runs and after an error.
        error: What ``__anext__`` raises after the last update; None when there was no error.
        seed: Key of the random draws, the client's or one that was drawn here.
        retractions: How often the engine set the request back for lack of KV pages.
        created: `time.time` of submission; ``created_at`` the same moment on the monotonic clock.
        first_token_at: `time.monotonic` of the first id; None before.
        ended_at: `time.monotonic` of the end; None before.
    """

    __slots__ = (
        "_abort",
        "_chars_read",
        "_detokenizer",
        "_finish_read",
        "_ids_read",
        "_keep_end_text",
        "_observer",
        "_only_end",
        "_waiter",
        "cached_tokens",
        "created",
        "created_at",
        "ended_at",
        "error",
        "finish",
        "first_token_at",
        "id",
        "journal",
        "label",
        "output_ids",
        "output_logprobs",
        "prompt_ids",
        "prompt_logprobs",
        "retractions",
        "seed",
        "text",
        "timings",
    )

    def __init__(
        self,
        spec: GenerateSpec,
        journal: JournalEntry,
        detokenizer: Detokenizer,
        abort: Callable[[Generation, str], None],
        observer: Observer | None = None,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.label = spec.label
        self.journal = journal
        self.prompt_ids = spec.prompt_ids
        self.seed = journal.request.seed
        self.cached_tokens = 0
        self.output_ids = journal.emitted
        self.text = ""
        self.output_logprobs: list[TokenLogprob] = []
        self.prompt_logprobs: list[TokenLogprob | None] | None = None
        self.timings: Timings | None = None
        self.finish: FinishReason | None = None
        self.error: SglError | None = None
        self.retractions = 0
        self.created = time.time()
        self.created_at = time.monotonic()
        self.first_token_at: float | None = None
        self.ended_at: float | None = None
        self._keep_end_text = spec.sampling.no_stop_trim
        self._detokenizer = detokenizer
        self._abort = abort
        self._observer = observer
        # The consumer's cursors: what lies beyond them is its next update.
        self._ids_read = 0
        self._chars_read = 0
        self._finish_read = False
        self._waiter: asyncio.Future[None] | None = None
        self._only_end = False

    @property
    def inside(self) -> bool:
        """Whether the text goes on with that of the prompt."""
        return self._detokenizer.inside

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""
        return len(self.prompt_ids)

    @property
    def completion_tokens(self) -> int:
        """Tokens generated so far, the end token included."""
        return len(self.output_ids)

    @property
    def ended(self) -> bool:
        """Whether nothing will be added any more."""
        return self.ended_at is not None

    # -- the consumer's side -----------------------------------------------------------------------

    def abort(self, message: str = "aborted by the client") -> None:
        """Ends the request now, here and in the engine; the last update then says ``abort``.

        Harmless when it has ended already.
        """
        if not self.ended:
            self._abort(self, message)

    def __aiter__(self) -> Generation:
        return self

    async def __anext__(self) -> Update:
        while True:
            if self._ids_read < len(self.output_ids) or (self.finish is not None and not self._finish_read):
                return self._take()
            if self.error is not None:
                raise self.error
            if self.finish is not None:
                raise StopAsyncIteration
            await self._sleep()

    async def wait(self) -> Generation:
        """Waits for the end; the attributes then hold the whole answer.

        Raises:
            SglError: What iteration would raise.
        """
        while not self.ended:
            self._only_end = True
            await self._sleep()
        self._take()
        if self.error is not None:
            raise self.error
        return self

    def _take(self) -> Update:
        update = Update(
            self.text[self._chars_read :],
            self.output_ids[self._ids_read :],
            self.output_logprobs[self._ids_read :],
            self.finish,
        )
        self._ids_read = len(self.output_ids)
        self._chars_read = len(self.text)
        self._finish_read = self.finish is not None
        return update

    async def _sleep(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._only_end = False

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done() and (self.ended or not self._only_end):
            waiter.set_result(None)

    # -- the engine client's side ------------------------------------------------------------------

    def accept(self, delta: Delta) -> None:
        """Adds what the engine computed; called by the engine client only.

        Raises:
            EngineFailure: The delta does not continue the output.
        """
        known = len(self.output_ids)
        fresh = self.journal.append(delta.start, delta.token_ids)
        if delta.start == 0 and known == 0:
            self.cached_tokens = delta.cached_tokens
            if delta.prompt_logprobs is not None:
                self.prompt_logprobs = delta.prompt_logprobs
        self.retractions = max(self.retractions, delta.retractions)
        logprobs = delta.logprobs[len(delta.token_ids) - len(fresh) :]
        end = delta.finish
        reason = None if end is None else FinishReason(end.kind, end.matched)
        if fresh:
            if self.first_token_at is None:
                self.first_token_at = time.monotonic()
            hidden = end is not None and end.kind == "stop" and not self._keep_end_text
            fed = self._detokenizer.feed(fresh[:-1] if hidden else fresh)
            self.text += fed.text
            if fed.matched is not None:
                reason = FinishReason("stop", fed.matched)
                self.journal.drop_last(len(fresh) - fed.used)
                logprobs = logprobs[: fed.used]
            self.output_logprobs.extend(logprobs)
            if self._observer is not None:
                self._observer.advanced(self, len(self.output_ids) - known)
        if reason is not None:
            self.timings = delta.timings
            self.end(reason)
        elif fresh:
            self._wake()

    def end(self, reason: FinishReason) -> None:
        """Ends the request with the text that was still held back; called by the engine client only."""
        self.text += self._detokenizer.finish()
        matched = self._detokenizer.matched
        # What was held back can complete a stop string: bytes that turned out to be no character do.
        self.finish = reason if matched is None or reason.kind == "abort" else FinishReason("stop", matched)
        self._close()

    def fail(self, error: SglError) -> None:
        """Ends the request with an error; called by the engine client only."""
        self.error = error
        self._close()

    def _close(self) -> None:
        self.ended_at = time.monotonic()
        if self._observer is not None:
            self._observer.ended(self)
        self._wake()

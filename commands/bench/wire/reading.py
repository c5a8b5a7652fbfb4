"""`Reading`: from the pieces of one exchange to a `Record`, a piece at a time so that the event loop need not wait."""

from __future__ import annotations

from typing import Final

from ...chat.client.failures import error_text
from ...chat.text.oneline import fit, one_line
from ..prompt import Prompt
from ..record import Failure, Record
from .answer import Answer, EventReader
from .ask import Api
from .exchange import Exchange
from .native import NativeReader
from .openai import OpenAiReader

LONGEST_MESSAGE: Final = 300


class Reading:
    """Reads one answer. It may begin before the answer is complete."""

    def __init__(self, exchange: Exchange, api: Api, *, keep: bool = False) -> None:
        """Reads nothing yet.

        Args:
            exchange: Its pieces are taken away as they are read.
            api: Whose events they are.
            keep: Whether the text is needed, for a conversation.
        """
        self.exchange = exchange
        self.answer = Answer()
        self._reader: EventReader = NativeReader(keep) if api == "generate" else OpenAiReader(keep)
        self._rest = b""
        self._whole = bytearray()
        """A body that is not a stream of events."""
        self._is_stream: bool | None = None
        self._bad = ""

    def step(self) -> bool:
        """Reads one piece; False when there was none."""
        if not self.exchange.pieces:
            return False
        when, content = self.exchange.pieces.popleft()
        self.exchange.kept -= len(content)
        if self._is_stream is None:
            head = self.exchange.head
            self._is_stream = (
                head is not None and head.status == 200 and "event-stream" in head.headers.get("content-type", "")
            )
        if not self._is_stream:
            self._whole += content
            return True
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(when, line[5:].strip())
        return True

    def finish(self) -> Answer:
        """Reads all the rest of a complete answer."""
        while self.step():
            pass
        if self._rest.startswith(b"data:"):  # A last line without its end.
            self._event(self.exchange.last, self._rest[5:].strip())
        self._rest = b""
        exchange = self.exchange
        if not self._is_stream and exchange.whole and exchange.head is not None and exchange.head.status == 200:
            self._event(exchange.last, bytes(self._whole))
            self.answer.done = True
        return self.answer

    def record(
        self, prompt: Prompt, zero: float, *, scheduled: float | None, input_tokens: int | None, worker: int
    ) -> Record:
        """What is noted of it; call `finish` before.

        Args:
            prompt: What was asked.
            zero: The run's start by `time.perf_counter`.
            scheduled: See `Record`.
            input_tokens: Of the prompt, as the dataset knows.
            worker: See `Record`.
        """
        answer, failure = self.answer, self._failure()
        # What comes after the last event, such as the end of the framing, is not the answer's time.
        ended = answer.last if failure is None and answer.last else self.exchange.last
        whole_counts = len(answer.counts) == len(answer.chunks)
        return Record(
            index=prompt.index,
            sent=self.exchange.sent - zero,
            ended=ended - zero,
            scheduled=scheduled,
            chunks=tuple([when - zero for when in answer.chunks]),
            chunk_tokens=tuple(answer.counts) if whole_counts else (),
            input_tokens=input_tokens if answer.input_tokens is None else answer.input_tokens,
            output_tokens=answer.output_tokens,
            cached_tokens=answer.cached_tokens,
            asked_tokens=prompt.output_tokens,
            finish_reason=answer.finish_reason,
            failure=failure,
            server=answer.server,
            worker=worker,
        )

    def _event(self, when: float, data: bytes) -> None:
        answer = self.answer
        if not data or self._bad:
            return
        answer.last = when
        if data == b"[DONE]":
            answer.done = True
            return
        try:
            self._reader.event(when, data, answer)
        except ValueError as error:  # msgspec's errors are ValueErrors.
            self._bad = f"what the server answers is not of this API: {error}"
        except RecursionError:
            self._bad = "what the server answers is nested too deeply"

    def _failure(self) -> Failure | None:
        answer, exchange = self.answer, self.exchange
        status = 0 if exchange.head is None else exchange.head.status
        if status not in (0, 200):
            return Failure("status", status, self._status_words(status))
        if answer.error is not None:
            code, words = answer.error
            return Failure("stream", code, fit(one_line(words), LONGEST_MESSAGE))
        if self._bad:
            return Failure("protocol", status, fit(one_line(self._bad), LONGEST_MESSAGE))
        if answer.done and answer.last:
            said_something = answer.chunks or answer.finish_reason or answer.output_tokens is not None
            return None if said_something else Failure("protocol", status, "the answer has neither text nor counts")
        if exchange.failure is not None:
            return exchange.failure
        if answer.finish_reason:
            return None
        if not answer.last:
            return Failure("protocol", status, "the answer has no events")
        return Failure("cut", status, "the stream ended before the answer did")

    def _status_words(self, status: int) -> str:
        said = fit(error_text(bytes(self._whole)), LONGEST_MESSAGE) or f"HTTP {status}"
        head = self.exchange.head
        wait = "" if head is None else head.headers.get("retry-after", "")
        if wait:
            return f"{said} (retry after {fit(one_line(wait), 40)}{' s' if wait.isdecimal() else ''})"
        where = "" if head is None else head.headers.get("location", "")
        return f"{said} (moved to {fit(one_line(where), 100)})" if where and 300 <= status < 400 else said

"""`Exchange`: one request on its connection, and the pieces of the answer with the times they came at."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Final

from ..record import Failure
from .framing import LONGEST_HEAD, BadHttp, Body, Head, UntilClosed, body_of, read_head

_END_OF_HEAD: Final = b"\r\n\r\n"


class Exchange:
    """One request. Times are of `time.perf_counter`, absolute.

    Attributes:
        sent: When the first byte was written.
        last: When bytes came last; `sent` before any.
        head: The answer's head; None before it is there.
        pieces: (when, content) of the body, in order.
        kept: Bytes in `pieces`; who takes pieces away takes their bytes off.
        failure: Why it failed on this level; None while it has not.
        done: Set when the answer is complete or has failed.
        answered: Whether any byte came.
    """

    __slots__ = ("_body", "_raw", "answered", "done", "failure", "head", "kept", "last", "pieces", "sent")

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.sent = self.last = perf_counter()
        self.head: Head | None = None
        self.pieces: deque[tuple[float, bytes]] = deque()
        self.kept = 0
        self.failure: Failure | None = None
        self.done = done
        self.answered = False
        self._raw = b""
        self._body: Body | None = None

    @property
    def whole(self) -> bool:
        """Whether it ended as HTTP says, whatever the status."""
        # Who waits for `done` and is cancelled, cancels it.
        return self.failure is None and self.done.done() and not self.done.cancelled()

    def take(self, when: float, data: bytes) -> bytes:
        """Keeps what came at ``when``, and returns the content in it."""
        self.last = when
        self.answered = True
        try:
            if self._body is None:
                data = self._take_head(data)
                if self._body is None:
                    return b""
            content = self._body.feed(data) if data else b""
        except BadHttp as error:
            self.fail(Failure("protocol", 0 if self.head is None else self.head.status, str(error)))
            return b""
        if content:
            self.pieces.append((when, content))
            self.kept += len(content)
        if self._body.complete:
            self._end()
        return content

    def close(self, reason: str) -> None:
        """The connection has ended; ``reason`` says why, for people."""
        if isinstance(self._body, UntilClosed):
            self._end()
        else:
            self.fail(Failure("cut", 0, reason))

    def fail(self, failure: Failure) -> None:
        """Ends it; the first failure stays."""
        if not self.done.done():
            self.failure = failure
            self._end()

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _take_head(self, data: bytes) -> bytes:
        """Reads the head when it is whole; what follows it is returned."""
        raw = self._raw + data
        while True:
            end = raw.find(_END_OF_HEAD)
            if end < 0:
                if len(raw) > LONGEST_HEAD or not b"HTTP/1.".startswith(raw[:7]):
                    raise BadHttp("the answer is not HTTP/1.1")
                self._raw = raw
                return b""
            head, raw = read_head(raw[:end]), raw[end + 4 :]
            if head.status >= 200:  # Those below are words in between.
                break
        self.head, self._raw, self._body = head, b"", body_of(head)
        return raw

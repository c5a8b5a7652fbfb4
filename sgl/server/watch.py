"""Ends the generations of one HTTP request when nobody waits for them any more or their time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from starlette.types import Receive

from sgl.config.server import ServerConfig
from sgl.errors import SglError
from sgl.runtime.client import FinishReason, Generation
from sgl.server.errors import ClientGone, QueueTimeout, RequestAborted, RequestTimeout


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds from submission: until something must have been generated, and until the end."""

    queue: float
    request: float

    @classmethod
    def of(cls, config: ServerConfig) -> Deadlines:
        """The server's deadlines."""
        return cls(queue=config.queue_timeout, request=config.request_timeout)


class Watch:
    """While its context is open: listens for the disconnect and keeps the deadlines.

    On the way out, however it is left, whatever still generates is aborted, so no exit path leaks pages.
    ``receive`` must have delivered the whole request body before.
    """

    def __init__(
        self,
        generations: Sequence[Generation],
        receive: Receive,
        deadlines: Deadlines,
        *,
        aborts_are_answers: bool = False,
    ) -> None:
        """Watches over ``generations``.

        Args:
            aborts_are_answers: Whether the route can tell of an abort by /abort_request in its own words.
        """
        self._generations = generations
        self._receive = receive
        self._deadlines = deadlines
        self._aborts_are_answers = aborts_are_answers
        self._cause: SglError | ClientGone | None = None
        self._listener: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    async def __aenter__(self) -> Watch:
        loop = asyncio.get_running_loop()
        self._listener = loop.create_task(self._listen())
        self._timers = [
            loop.call_later(self._deadlines.queue, self._check_started),
            loop.call_later(self._deadlines.request, self._expire),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        if self._listener is not None:
            self._listener.cancel()
        self._abort()

    def check(self, finish: FinishReason | None) -> None:
        """To be asked about every update: raises when it says that the generation was cut short.

        Raises:
            ClientGone: Nobody is there to read an answer.
            SglError: Why the request was ended early.
        """
        if finish is None or finish.kind != "abort":
            return
        if self._cause is not None:
            raise self._cause
        if not self._aborts_are_answers:
            raise RequestAborted("The request was aborted before it was done; send it again if it is still wanted.")

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(ClientGone())

    def _check_started(self) -> None:
        if all(generation.first_token_at is None for generation in self._generations):
            self._end(
                QueueTimeout(f"The request waited {self._deadlines.queue:g} seconds for its turn; try again later.")
            )

    def _expire(self) -> None:
        self._end(
            RequestTimeout(f"The request took more than {self._deadlines.request:g} seconds; ask for fewer tokens.")
        )

    def _end(self, cause: SglError | ClientGone) -> None:
        # The first cause counts: what follows an abort is its consequence.
        if self._cause is None:
            self._cause = cause
        self._abort()

    def _abort(self) -> None:
        for generation in self._generations:
            generation.abort()

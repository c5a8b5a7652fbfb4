"""`Tickets`: questions that are out, told apart by number, each with one answer to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sgl.errors import SglError, Unavailable

Answer = TypeVar("Answer")


class Tickets(Generic[Answer]):
    """The questions of one kind that wait for an answer."""

    def __init__(self) -> None:
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    async def ask(self, send: Callable[[int], None], timeout: float) -> Answer:
        """Sends a question with a fresh number and waits for its answer.

        Args:
            send: Gets the number and sends the question; numbers begin at 1.
            timeout: Seconds.

        Raises:
            Unavailable: No answer in time.
            SglError: What `fail` was given, or what ``send`` raised.
        """
        self._last += 1
        ticket = self._last
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        try:
            send(ticket)
            done, _ = await asyncio.wait([future], timeout=timeout)
            if not done:
                raise Unavailable(f"The engine did not answer within {timeout:g} s.")
            return future.result()
        finally:
            del self._waiting[ticket]
            future.cancel()

    def answer(self, ticket: int, answer: Answer) -> None:
        """Delivers an answer; one that nobody waits for any more is dropped."""
        future = self._waiting.get(ticket)
        if future is not None and not future.done():
            future.set_result(answer)

    def fail(self, error: Callable[[], SglError]) -> None:
        """Answers every open question with an error of its own."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error())

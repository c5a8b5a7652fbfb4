"""SIGINT and SIGTERM: the first asks the server to finish, the second ends it at once."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType
from typing import Final

HANDLED: Final = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """While its context is open, turns the first and the second signal into futures.

    Attributes:
        first: Done when a signal has come; its result is which.
        second: Done when another one has come.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.first: asyncio.Future[signal.Signals] = self._loop.create_future()
        self.second: asyncio.Future[signal.Signals] = self._loop.create_future()

    def __enter__(self) -> StopSignals:
        for number in HANDLED:
            self._loop.add_signal_handler(number, self._note, number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in HANDLED:
            self._loop.remove_signal_handler(number)

    def _note(self, number: signal.Signals) -> None:
        for future in (self.first, self.second):
            if not future.done():
                future.set_result(number)
                return


def exit_code(number: signal.Signals) -> int:
    """What a shell expects of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM."""
    return 128 + number

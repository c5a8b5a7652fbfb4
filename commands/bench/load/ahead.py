"""`Ahead`: makes prompts and their requests before they are due, so that a run does not wait for its own client."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Final

from ..prompt import Prompt
from ..target.target import Target
from .made import Made
from .work import Work

MOST_BYTES: Final = 64 * 2**20
MOST_WORKS: Final = 20_000
MOST_SECONDS: Final = 3.0


class Ahead:
    """A `Source` over an iterator of this process."""

    def __init__(self, works: Iterator[Work], target: Target) -> None:
        """Makes nothing yet."""
        self._works = works
        self._made = Made(target)
        self._ended = False
        self._error: Exception | None = None

    def fill(self) -> None:
        """Makes what fits before the run starts.

        Raises:
            UsageError: The API cannot carry a prompt.
        """
        until = perf_counter() + MOST_SECONDS
        while perf_counter() < until and self.make_one():
            pass
        if self._error is not None:
            raise self._error

    def make_one(self) -> bool:
        """Makes one more; False when there is no room, or no more."""
        if self._ended or self._made.size >= MOST_BYTES or len(self._made) >= MOST_WORKS:
            return False
        try:
            work = next(self._works, None)
        except Exception as error:  # A dataset's. It is raised where somebody hears it: when its prompt is due.
            self._error, work = error, None
        if work is None:
            self._ended = True
            return False
        if (unfit := self._made.add(work)) is not None:
            self._error, self._ended = unfit, True
        return True

    async def next(self) -> Work | None:
        """See `Source`; never waits.

        Raises:
            UsageError: The API cannot carry a prompt.
        """
        if not len(self._made):
            self.make_one()
        if len(self._made):
            return self._made.pop()
        if self._error is not None:
            raise self._error
        return None

    def encoded(self, prompt: Prompt) -> bytes:
        """See `Source`."""
        return self._made.encoded(prompt)

"""`Made`: work with the bytes of its request, ready to be sent."""

from __future__ import annotations

from collections import deque

from sgl.errors import SglError

from ..prompt import Prompt
from ..target.target import Target
from .work import Work


class Made:
    """A queue. What cannot be made is an error when its turn comes, not before."""

    def __init__(self, target: Target) -> None:
        self.size = 0
        """Bytes of the requests in it."""
        self._target = target
        self._queue: deque[tuple[Work, bytes | SglError | None]] = deque()
        self._last: tuple[Prompt, bytes] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, work: Work) -> SglError | None:
        """Makes the request of a work; the error when its prompt cannot be carried."""
        made: bytes | SglError | None = None
        if work.prompt.turn == 0:  # A later turn carries what was answered before it: nobody knows its request yet.
            try:
                made = self._target.request(work.prompt)
            except SglError as error:
                made = error
        self._queue.append((work, made))
        if isinstance(made, bytes):
            self.size += len(made)
        return made if isinstance(made, SglError) else None

    def pop(self) -> Work:
        """The next work.

        Raises:
            UsageError: The API cannot carry its prompt.
        """
        work, made = self._queue.popleft()
        if isinstance(made, SglError):
            raise made
        self._last = None
        if made is not None:
            self.size -= len(made)
            self._last = (work.prompt, made)
        return work

    def encoded(self, prompt: Prompt) -> bytes:
        """The bytes of its request; those of the work that was popped last are there.

        Raises:
            UsageError: The API cannot carry it.
        """
        if self._last is not None and self._last[0] is prompt:
            return self._last[1]
        return self._target.request(prompt)

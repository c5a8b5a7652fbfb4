"""What must be known of a live request so that it could be resubmitted and go on where it was.

Sampling is a pure function of (logits, parameters, Philox(seed, position)), so the message that was sent
and the ids that came back are all there is. An id is journaled before anybody sees it; nothing that was
seen is ever rewritten, later ids are only appended.
"""

from __future__ import annotations

from sgl.errors import EngineFailure
from sgl.protocol.messages import Generate


class JournalEntry:
    """One live request.

    Attributes:
        request: The message the engine was sent: prompt ids, parameters and seed.
        emitted: Output ids so far, in order.
    """

    __slots__ = ("emitted", "request")

    def __init__(self, request: Generate) -> None:
        self.request = request
        self.emitted: list[int] = []

    def append(self, start: int, token_ids: list[int]) -> list[int]:
        """Adds the ids at output positions ``start``, ``start + 1``, ...; ids seen before are skipped.

        Returns:
            The ids that are new; empty when all of them were seen before.

        Raises:
            EngineFailure: Positions are missing between the last id and ``start``.
        """
        expected = len(self.emitted)
        if start > expected:
            raise EngineFailure(f"the engine skipped from output position {expected} to {start}; please retry")
        fresh = token_ids if start == expected else token_ids[expected - start :]
        self.emitted.extend(fresh)
        return fresh

    def drop_last(self, count: int) -> None:
        """Takes back the last ``count`` ids, which nobody has seen: they came after a stop string."""
        if count:
            del self.emitted[-count:]

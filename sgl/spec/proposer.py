"""Speculative decoding's one seam: somebody guesses the next tokens, the target model checks them.

The sampler is a pure function of logits and position, so a guess is right exactly when it is the token
that would have been drawn there anyway. Accepting the right ones therefore changes no token, greedy or
not, only the number of steps (Leviathan et al. 2023 with a deterministic draw).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sgl.batch.request import Request


class Proposer(Protocol):
    """Guesses how a request goes on."""

    def propose(self, request: Request, limit: int) -> Sequence[int]:
        """At most ``limit`` token ids that may follow ``request.token_ids``; none is always a valid guess."""
        ...


class NoDrafts:
    """Plain decoding: guesses nothing."""

    def propose(self, request: Request, limit: int) -> Sequence[int]:
        """None."""
        return ()


def accepted(drafts: Sequence[int], drawn: Sequence[int]) -> int:
    """How many of the drawn tokens count.

    ``drawn[0]`` follows the known tokens and always counts; ``drawn[i]`` was computed after ``drafts[i - 1]``
    and counts only while every draft before it was what was drawn.
    """
    count = 1
    while count <= len(drafts) and drafts[count - 1] == drawn[count - 1]:
        count += 1
    return count

"""Prompt look-up: the text so far is the draft model (Saxena 2023, "Prompt Lookup Decoding").

Answers that quote their prompt (summaries, code edits, JSON) repeat long stretches; when the last few
tokens stand somewhere before, what followed them there is a good guess of what follows now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sgl.batch.request import Request, TokenIds

LONGEST: Final = 4
SHORTEST: Final = 2
"""Lengths of the n-gram looked for; longer ones are tried first."""
WINDOW: Final = 4096
"""Tokens looked back at most, so that a step's cost is bounded."""


class NgramProposer:
    """Copies what followed the latest earlier occurrence of the last n tokens."""

    def propose(self, request: Request, limit: int) -> Sequence[int]:
        """See `sgl.spec.proposer.Proposer.propose`."""
        ids = request.token_ids[-WINDOW:]
        for length in range(LONGEST, SHORTEST - 1, -1):
            start = _latest(ids, length)
            if start is not None:
                follow: list[int] = ids[start : start + limit].tolist()
                return follow
        return ()


def _latest(ids: TokenIds, length: int) -> int | None:
    """Index behind the latest earlier occurrence of the last ``length`` ids, or None."""
    if len(ids) <= length:
        return None
    # Every start but the suffix's own; an occurrence may overlap the suffix.
    hits = np.ones(len(ids) - length, dtype=bool)
    for offset in range(length):
        hits &= ids[offset : offset + len(hits)] == ids[len(ids) - length + offset]
    found = np.flatnonzero(hits)
    return int(found[-1]) + length if len(found) else None

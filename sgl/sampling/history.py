"""What a penalised request has seen: every distinct token with its number of occurrences in the output."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from sgl.protocol.sampling import SamplingParams


class TokenHistory:
    """Distinct tokens of prompt and output; owned by its request, O(1) per new token.

    Invariant: ``ids`` has no duplicates, and ``counts[i]`` is how often ``ids[i]`` occurs in the output (0 for
    a token of the prompt alone).
    """

    __slots__ = ("_counts", "_ids", "_slots")

    def __init__(self, prompt_ids: Iterable[int], output_ids: Iterable[int] = ()) -> None:
        self._slots = {token: slot for slot, token in enumerate(dict.fromkeys(prompt_ids))}
        self._ids = np.fromiter(self._slots, dtype=np.int64, count=len(self._slots))
        self._counts = np.zeros(len(self._slots), dtype=np.float32)
        for token in output_ids:
            self.append(token)

    @classmethod
    def when_penalised(
        cls, params: SamplingParams, prompt_ids: Iterable[int], output_ids: Iterable[int] = ()
    ) -> TokenHistory | None:
        """A history if ``params`` need one. Only the repetition penalty looks at the prompt."""
        if not params.penalised:
            return None
        return cls(prompt_ids if params.repetition_penalty != 1.0 else (), output_ids)

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Distinct token ids, in order of appearance; a view, valid until the next `append`."""
        return self._ids[: len(self._slots)]

    @property
    def counts(self) -> npt.NDArray[np.float32]:
        """Occurrences in the output of each of `ids`; exact up to 2**24."""
        return self._counts[: len(self._slots)]

    def append(self, token_id: int) -> None:
        """Counts one generated token."""
        slot = self._slots.setdefault(token_id, len(self._slots))
        if slot == len(self._ids):
            capacity = max(64, 2 * slot)
            self._ids = np.concatenate([self._ids, np.zeros(capacity - slot, dtype=np.int64)])
            self._counts = np.concatenate([self._counts, np.zeros(capacity - slot, dtype=np.float32)])
        self._ids[slot] = token_id
        self._counts[slot] += 1.0

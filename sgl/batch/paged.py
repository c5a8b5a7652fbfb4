"""`PagedBatch`: where a step's tokens and those before them lie, as attention on a GPU reads it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class PagedBatch:
    """One step, on the device. Sequences that compute one token come first.

    Attributes:
        slots: int64 [tokens], where each token's K and V go; -1 for padding.
        page_table: int32 [sequences, pages]; what is behind a sequence's pages means nothing.
        seq_lens: int32 [sequences], this step's tokens included; 0 for padding.
        cu_q: int32 [sequences + 1], the first row of each in the batch, and the end.
        decodes: Leading sequences of one token.
        longest_query: Most tokens of a sequence.
    """

    slots: Tensor
    page_table: Tensor
    seq_lens: Tensor
    cu_q: Tensor
    decodes: int
    longest_query: int

    @property
    def sequences(self) -> int:
        """Sequences, padding included."""
        return len(self.seq_lens)

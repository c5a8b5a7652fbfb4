"""`PagedBatch`: where a step's tokens and those before them lie, as attention on a GPU reads it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Lengths = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class HostLayout:
    """The lengths of a step on the host, for backends that plan or choose there. Nobody writes the arrays again.

    Attributes:
        seq_lens: int32 [sequences], this step's tokens included; 0 for padding.
        counts: int32 [sequences], rows of each in the batch; 1 for padding.
    """

    seq_lens: Lengths
    counts: Lengths

    @property
    def sequences(self) -> int:
        """Sequences, padding included."""
        return len(self.seq_lens)

    @classmethod
    def padding(cls, sequences: int) -> HostLayout:
        """A step that computes nothing."""
        return cls(np.zeros(sequences, dtype=np.int32), np.ones(sequences, dtype=np.int32))


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
        host: The lengths on the host; None in a step that is captured, whose lengths a backend that plans on the host
            is told before each launch.
    """

    slots: Tensor
    page_table: Tensor
    seq_lens: Tensor
    cu_q: Tensor
    decodes: int
    longest_query: int
    host: HostLayout | None = None

    @property
    def sequences(self) -> int:
        """Sequences, padding included."""
        return len(self.seq_lens)

    @classmethod
    def padding(cls, counts: Sequence[int], device: torch.device) -> PagedBatch:
        """A step of so many rows for each sequence that is told no tokens, and stores none."""
        rows = np.array(counts, dtype=np.int32)
        return cls(
            slots=torch.full((sum(counts),), -1, dtype=torch.int64, device=device),
            page_table=torch.zeros(len(counts), 1, dtype=torch.int32, device=device),
            seq_lens=torch.zeros(len(counts), dtype=torch.int32, device=device),
            cu_q=torch.tensor([0, *itertools.accumulate(counts)], dtype=torch.int32, device=device),
            decodes=next((number for number, count in enumerate(counts) if count != 1), len(counts)),
            longest_query=max(counts),
            host=HostLayout(np.zeros_like(rows), rows),
        )

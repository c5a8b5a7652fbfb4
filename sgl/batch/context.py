"""`ForwardContext`: everything one forward pass reads, as an argument and never a global."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Span:
    """The query tokens of one entry and the KV they attend to.

    Attributes:
        query_start: Row of the entry's first token in the batch.
        count: Tokens of the entry.
        first_position: Position of its first token; it attends to all positions before, and causally to
            its own.
        runs: Maximal runs ``(slot_start, slot_count)`` of contiguous KV slots that hold positions
            ``[0, first_position + count)``, in order.
    """

    query_start: int
    count: int
    first_position: int
    runs: tuple[tuple[int, int], ...]

    @property
    def context(self) -> int:
        """Tokens the last query attends to."""
        return self.first_position + self.count


class Attention(Protocol):
    """Attention of one batch, planned once and run for every layer."""

    def forward(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Stores the new keys and values of ``layer``, then attends.

        Args:
            query: [tokens, num_heads, head_dim].
            key: [tokens, num_kv_heads, head_dim], after rope.
            value: Like key.

        Returns:
            [tokens, num_heads * head_dim].
        """
        ...


@dataclass(frozen=True, slots=True)
class ForwardContext:
    """One forward pass.

    Attributes:
        token_ids: int64 [tokens].
        positions: int64 [tokens].
        attention: The planned attention of this batch.
    """

    token_ids: Tensor
    positions: Tensor
    attention: Attention

    @property
    def device(self) -> torch.device:
        """Where the pass runs."""
        return self.token_ids.device

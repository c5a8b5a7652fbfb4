"""`ForwardContext`: everything one forward pass reads, as an argument and never a global."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from sgl.kernels.fused import KvTarget
from sgl.kernels.latent import KvUp


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

    def forward(self, layer: int, query: Tensor, key: Tensor, value: Tensor, sinks: Tensor | None = None) -> Tensor:
        """Stores the new keys and values of ``layer``, then attends.

        Args:
            query: [tokens, num_heads, head_dim].
            key: [tokens, num_kv_heads, head_dim], after rope.
            value: Like key.
            sinks: float [num_heads], a score per head that takes its share of each softmax and has no value
                (GPT-OSS); None is off.

        Returns:
            [tokens, num_heads * head_dim].
        """
        ...


class PagedAttention(Protocol):
    """The same on a GPU, in two parts: a kernel between them norms, turns and stores."""

    def target(self, layer: int) -> KvTarget:
        """Where the new keys and values of ``layer`` go."""
        ...

    def attend(self, layer: int, query: Tensor, sinks: Tensor | None = None) -> Tensor:
        """Attends to what is stored, the new tokens included.

        Args:
            query: [tokens, num_heads, head_dim], after rope.
            sinks: As for `Attention`.

        Returns:
            [tokens, num_heads * head_dim].
        """
        ...


class LatentAttention(Protocol):
    """Multi-head latent attention of one batch, planned once and run for every layer."""

    def forward(self, layer: int, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """Stores the new vectors of ``layer``, then attends.

        Args:
            query: [tokens, num_heads, nope_dim + rope_dim], the second part after rope.
            latent: [tokens, kv_rank + rope_dim], the first part after its norm, the second after rope.
            up: What makes keys and values of the first part.

        Returns:
            [tokens, num_heads * value_dim].
        """
        ...


@dataclass(frozen=True, slots=True)
class ForwardContext:
    """One forward pass.

    Attributes:
        token_ids: int64 [tokens].
        positions: int64 [tokens].
        planned: The planned attention of this batch, of the model's kind.
        slots: int64 [tokens], where each token is kept, -1 for rows that only pad a captured batch, of which layers may
            spare themselves the work; None where no row does.
    """

    token_ids: Tensor
    positions: Tensor
    planned: Attention | PagedAttention | LatentAttention
    slots: Tensor | None = None

    @property
    def attention(self) -> Attention:
        """For layers with keys and values by heads; the engine planned with the backend of the model's kind."""
        return cast(Attention, self.planned)

    @property
    def paged(self) -> PagedAttention:
        """The same where kernels are fused."""
        return cast(PagedAttention, self.planned)

    @property
    def latent(self) -> LatentAttention:
        """The same for layers with latent attention."""
        return cast(LatentAttention, self.planned)

    @property
    def device(self) -> torch.device:
        """Where the pass runs."""
        return self.token_ids.device

"""Kernels of absorbed latent attention on a GPU: the usual ones, and those of deterministic mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from sgl.kernels.triton.decode_splits import DecodeWorkspace
from sgl.kernels.triton.fixed_latent import fixed_latent
from sgl.kernels.triton.fixed_splits import FixedWorkspace
from sgl.kernels.triton.latent import LatentLayer
from sgl.kernels.triton.latent_attention import latent_attention
from sgl.kernels.triton.latent_decode import latent_decode, latent_workspace


class AbsorbedKernels(Protocol):
    """Weighted sums of vectors, [rows, heads, kv_rank], of absorbed queries [rows, heads, kv_rank + rope_dim]."""

    def decode(
        self, absorbed: Tensor, stored: LatentLayer, page_table: Tensor, seq_lens: Tensor, starts: Tensor, **ways: Any
    ) -> Tensor:
        """Of sequences of one token each; ``ways`` are page size, scale, and whether kernels start early."""
        ...

    def extend(
        self, absorbed: Tensor, stored: LatentLayer, page_table: Tensor, seq_lens: Tensor, starts: Tensor, **ways: Any
    ) -> Tensor:
        """Of sequences of any number of tokens."""
        ...


@dataclass(frozen=True, slots=True)
class SplitLatent:
    """Tiles and splits as there is work. Bits depend on the batch."""

    workspace: DecodeWorkspace

    @classmethod
    def allocate(
        cls, *, largest_batch: int, heads: int, rank: int, multiprocessors: int, device: torch.device
    ) -> SplitLatent:
        """For steps of up to ``largest_batch`` sequences of one token."""
        return cls(
            latent_workspace(
                largest_batch=largest_batch, heads=heads, rank=rank, multiprocessors=multiprocessors, device=device
            )
        )

    def decode(
        self, absorbed: Tensor, stored: LatentLayer, page_table: Tensor, seq_lens: Tensor, starts: Tensor, **ways: Any
    ) -> Tensor:
        """See `AbsorbedKernels.decode`."""
        return latent_decode(absorbed, stored, page_table, seq_lens, workspace=self.workspace, **ways)

    def extend(
        self, absorbed: Tensor, stored: LatentLayer, page_table: Tensor, seq_lens: Tensor, starts: Tensor, **ways: Any
    ) -> Tensor:
        """See `AbsorbedKernels.extend`."""
        return latent_attention(absorbed, stored, page_table, seq_lens, starts, **ways)


@dataclass(frozen=True, slots=True)
class FixedLatent:
    """One kernel and one order of summation whatever the batch, chunks and cache hits."""

    workspace: FixedWorkspace

    @classmethod
    def allocate(
        cls, *, largest_batch: int, heads: int, rank: int, multiprocessors: int, device: torch.device
    ) -> FixedLatent:
        """For steps of up to ``largest_batch`` sequences of one token."""
        return cls(
            FixedWorkspace.allocate(
                largest_batch=largest_batch,
                num_heads=heads,
                value_dim=rank,
                multiprocessors=multiprocessors,
                device=device,
            )
        )

    def decode(
        self, absorbed: Tensor, stored: LatentLayer, page_table: Tensor, seq_lens: Tensor, starts: Tensor, **ways: Any
    ) -> Tensor:
        """See `AbsorbedKernels.decode`."""
        return fixed_latent(
            absorbed, stored, page_table, seq_lens, starts, workspace=self.workspace, single=True, **ways
        )

    def extend(
        self, absorbed: Tensor, stored: LatentLayer, page_table: Tensor, seq_lens: Tensor, starts: Tensor, **ways: Any
    ) -> Tensor:
        """See `AbsorbedKernels.extend`."""
        return fixed_latent(absorbed, stored, page_table, seq_lens, starts, workspace=self.workspace, **ways)

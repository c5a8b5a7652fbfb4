"""How attention is cut in deterministic mode: into splits of one size, counted from position 0.

What a split gives, and the order in which splits are put together, are a matter of a sequence's own positions. Which
program computes a split is not: programs of a step of single tokens share out the splits of a sequence as there are
few or many sequences, and bits do not show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.splits import fixed_parts, fixed_rows
from sgl.kernels.triton.paged import anchor

SPLIT_TOKENS: Final = 1024
"""Tokens of a split, a multiple of every tile's. A constant: bits depend on it."""
SMALL_SPLIT: Final = 32
"""For the interpreter."""
SEQUENCES: Final = tl.constexpr(256)
"""Lengths that are looked at together."""


@dataclass(frozen=True)
class FixedWorkspace:
    """Softmaxes over splits, before they are put together: allocated once, for every layer and every batch.

    The first rows are of the sequences' first programs, which put together what they compute; the others of single
    splits, as sequences need them.

    Attributes:
        mixed: float32 [rows, heads, value_dim], sums of values times their weights.
        peaks: float32 [rows, heads], the largest scores, in base 2.
        totals: float32 [rows, heads], sums of weights.
        largest_batch: Most sequences.
        multiprocessors: Of the device.
    """

    mixed: Tensor
    peaks: Tensor
    totals: Tensor
    largest_batch: int
    multiprocessors: int

    @classmethod
    def allocate(
        cls, *, largest_batch: int, num_heads: int, value_dim: int, multiprocessors: int, device: torch.device
    ) -> FixedWorkspace:
        """For steps of up to ``largest_batch`` sequences of one token."""
        rows = fixed_rows(largest_batch)

        def room(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=torch.float32, device=device)

        return cls(
            room(rows, num_heads, value_dim),
            room(rows, num_heads),
            room(rows, num_heads),
            largest_batch,
            multiprocessors,
        )

    def parts(self, batch: int, blocks: int) -> int:
        """Programs that share the splits of a sequence in a step of ``batch``; see `sgl.config.splits.fixed_parts`."""
        return fixed_parts(batch, blocks, self.multiprocessors)

    @property
    def spare(self) -> int:
        """Rows for single splits."""
        return len(self.peaks) - self.largest_batch

    def check(self, batch: int, num_heads: int, value_dim: int) -> None:
        """Refuses a batch it was not made for: kernels would write behind its end.

        Raises:
            ValueError: It is too small, or of another model.
        """
        if batch > self.largest_batch or self.mixed.shape[1:] != (num_heads, value_dim):
            made = f"{self.largest_batch} sequences of {list(self.mixed.shape[1:])}"
            raise ValueError(
                f"the workspace of fixed attention was allocated for {made}, not for {batch} of "
                f"{[num_heads, value_dim]}"
            )


@triton.jit
def wanted_apart(
    lengths: tl.tensor, parts: tl.tensor, window: tl.tensor, SPLIT: tl.constexpr, WINDOWED: tl.constexpr
) -> tl.tensor:
    """How many splits of a sequence, its last ones, should be computed one by one: all but its first program's share.

    Args:
        lengths: int32, of one sequence or of several.
    """
    splits = (lengths + SPLIT - 1) // SPLIT
    if WINDOWED:
        splits -= tl.maximum(lengths - window, 0) // SPLIT
    return splits - (splits + parts - 1) // parts


@triton.jit
def share_out(
    seq_lens: tl.tensor,
    row: tl.tensor,
    batch: tl.tensor,
    parts: tl.tensor,
    spare: tl.tensor,
    window: tl.tensor,
    SPLIT: tl.constexpr,
    WINDOWED: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """Which splits of sequence ``row`` are computed one by one, and where their results lie.

    Args:
        parts: Programs of each sequence.
        spare: Rows of the workspace for single splits. Where all sequences together want more, each gets its share.

    Returns:
        The number of those splits, the last ones of the sequence, and of those of the sequences before it.
    """
    everything = row * 0
    for at in range(0, batch, SEQUENCES):
        index = at + tl.arange(0, SEQUENCES)
        lengths = tl.load(seq_lens + index, mask=index < batch, other=0)
        everything += tl.sum(wanted_apart(lengths, parts, window, SPLIT, WINDOWED), 0)
    fitting = tl.minimum(everything, spare)
    own = row * 0
    before = row * 0
    for at in range(0, batch, SEQUENCES):
        index = at + tl.arange(0, SEQUENCES)
        lengths = tl.load(seq_lens + index, mask=index < batch, other=0)
        granted = wanted_apart(lengths, parts, window, SPLIT, WINDOWED) * fitting // tl.maximum(everything, 1)
        own += tl.sum(tl.where(index == row, granted, 0), 0)
        before += tl.sum(tl.where(index < row, granted, 0), 0)
    return own, before


@triton.jit
def put_together(
    peak: tl.tensor,
    total: tl.tensor,
    mixed: tl.tensor,
    next_peak: tl.tensor,
    next_total: tl.tensor,
    next_mixed: tl.tensor,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Two softmaxes over different keys become one; what has seen no key changes no bit of the other.

    Every kernel that is told to gives the same bits: nothing is added up across elements, and what is fused is said,
    where a compiler might choose.

    Args:
        peak: float32 [rows], the largest score, in base 2.
        total: float32 [rows], the sum of weights.
        mixed: float32 [rows, width], the weighted sum.
    """
    higher = tl.maximum(peak, next_peak)
    base = anchor(higher)
    old = tl.exp2(peak - base)
    new = tl.exp2(next_peak - base)
    total = tl.fma(total, old, next_total * new)
    mixed = tl.fma(mixed, old[:, None], next_mixed * new[:, None])
    return higher, total, mixed

"""How decode attention is cut: sizes of tiles, splits of a sequence, and where their results are kept meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
from torch import Tensor

from sgl.kernels.triton.mode import INTERPRETED

PROGRAMS_PER_MULTIPROCESSOR: Final = 4
"""Splits are made until there is this much work for each, where sequences are long enough."""
MOST_ROWS: Final = 64
"""Query heads of one tile."""
MOST_SPLITS: Final = 128
FEWEST_SPLITS: Final = 4
"""Of the grid, for large batches: one sequence may be much longer than the others."""
FIXED_SPLITS: Final = 16
"""The most splits of a sequence in deterministic mode. A constant: bits depend on it."""
REDUCED: Final = 16
"""Splits that stage 2 adds at once."""
FIXED_TOKENS: Final = 256
"""Tokens of a split in deterministic mode; a multiple where the sequence is longer than all splits. A constant too."""


@dataclass(frozen=True)
class DecodeTiles:
    """How stage 1 is cut.

    Attributes:
        rows: Query heads of a tile, a power of two.
        keys: Tokens of a tile, a power of two.
        shortest: Fewest tokens of a split, a multiple of ``keys``.
    """

    rows: int
    keys: int
    shortest: int
    warps: int
    stages: int


def decode_tiles(group: int, head_dim: int, element_size: int, *, small: bool = INTERPRETED) -> DecodeTiles:
    """Chooses by the query heads of a KV head, the larger size of K's and V's heads, and an element's bytes.

    A tile of K has 16 KiB at most, and two of K and V are under way at once: 70 KiB fit into what every GPU gives a
    block, and three blocks share a multiprocessor of an H100, which has then twice the bytes under way that its memory
    needs. More codes in a tile would take all registers when they are expanded.
    """
    rows = min(MOST_ROWS, max(16, triton.next_power_of_2(group)))
    if small:
        return DecodeTiles(rows, 16, 16, 4, 1)
    if element_size == 4:
        # Tensor cores have no exact float32: this is for comparing, not for speed.
        return DecodeTiles(rows, 16, 128, 4, 2)
    keys = min(64, max(16, 16384 // (triton.next_power_of_2(head_dim) * element_size)))
    return DecodeTiles(rows, keys, max(128, keys), 4, 3)


def most_splits(batch: int, blocks: int, multiprocessors: int, *, fixed: bool) -> int:
    """Splits that the grid has for each sequence: of the batch size and constants alone.

    Args:
        blocks: Programs that a sequence has for each split: its KV heads, and more where a group fills several tiles.
    """
    if fixed:
        return FIXED_SPLITS
    wanted = -(-PROGRAMS_PER_MULTIPROCESSOR * multiprocessors // (batch * blocks))
    return min(MOST_SPLITS, max(FEWEST_SPLITS, wanted))


@dataclass(frozen=True)
class DecodeWorkspace:
    """Partial results of stage 1: allocated once, for every layer and every batch up to the largest.

    Attributes:
        partial: float32, softmaxes over single splits.
        sums: float32, their log-sum-exps in base 2.
        multiprocessors: Of the device.
    """

    partial: Tensor
    sums: Tensor
    multiprocessors: int

    @classmethod
    def allocate(
        cls,
        *,
        largest_batch: int,
        num_heads: int,
        num_kv_heads: int,
        value_dim: int,
        multiprocessors: int,
        device: torch.device,
    ) -> DecodeWorkspace:
        """For both modes, whose needs are not far apart."""
        blocks = head_blocks(num_heads // num_kv_heads) * num_kv_heads
        rows = num_heads * max(
            batch * most_splits(batch, blocks, multiprocessors, fixed=fixed)
            for fixed in (False, True)
            for batch in range(1, largest_batch + 1)
        )
        return cls(
            torch.empty(rows * value_dim, dtype=torch.float32, device=device),
            torch.empty(rows, dtype=torch.float32, device=device),
            multiprocessors,
        )


def head_blocks(group: int) -> int:
    """Tiles that the query heads of one KV head fill."""
    return -(-group // MOST_ROWS)


def cut(tiles: DecodeTiles, *, fixed: bool, windowed: bool) -> dict[str, object]:
    """The constants by which both stages split sequences alike."""
    return {
        "KEYS": tiles.keys,
        "SHORTEST": FIXED_TOKENS if fixed else tiles.shortest,
        "FIXED": fixed,
        "WINDOWED": windowed,
    }


def attend_shape(tiles: DecodeTiles, head_dim: int, value_dim: int) -> dict[str, object]:
    """Sizes of stage 1's tiles, of which products take 16 rows and columns or more."""
    return {
        "ROWS": tiles.rows,
        "BLOCK_HEAD": max(16, triton.next_power_of_2(head_dim)),
        "BLOCK_VALUE": max(16, triton.next_power_of_2(value_dim)),
    }


def merge_shape(splits: int, value_dim: int) -> dict[str, object]:
    """Sizes of stage 2's."""
    block = triton.next_power_of_2(splits)
    return {
        "BLOCK_VALUE": triton.next_power_of_2(value_dim),
        "BLOCK_SPLITS": block,
        "PART": min(REDUCED, block),
    }

"""How decode attention is cut: sizes of tiles, splits of a sequence, and where their results are kept meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.config.splits import MOST_ROWS, MOST_SPLITS, decode_splits, head_blocks, split_rows
from sgl.kernels.triton.mode import INTERPRETED

REDUCED: Final = 16
"""Splits that stage 2 adds at once."""
ADDED: Final = 4096
"""Elements of parts that stage 1 adds at once, where it does: 32 for each of 128 threads."""
MOST_REGISTERS: Final = 168
"""Of a thread of stage 1, so that three blocks share a multiprocessor."""
LARGEST_MERGE: Final = 192 * 1024
"""Bytes of parts that the last program of stage 1 may have to add up. It reads them out of the L2 cache, at some 100
GB/s: about the time that a launch takes. More are left to stage 2, which has a program for each head."""


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
    # Codes count as the 16 bits that they are expanded to: twice as many of 256 elements spill.
    keys = min(64, max(16, 16384 // (triton.next_power_of_2(head_dim) * 2)))
    return DecodeTiles(rows, keys, max(128, keys), 4, 3)


@dataclass(frozen=True)
class DecodeWorkspace:
    """Partial results of stage 1: allocated once, for every layer and every batch up to the largest.

    Attributes:
        partial: float32, softmaxes over single splits.
        sums: float32, their log-sum-exps in base 2.
        multiprocessors: Of the device.
        arrivals: int32 zeros, programs that have stored their parts; see `sgl.kernels.triton.decode_merge`. None where
            there is always a second stage.
    """

    partial: Tensor
    sums: Tensor
    multiprocessors: int
    arrivals: Tensor | None = None

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
        """For steps of up to ``largest_batch`` sequences of one token."""
        blocks = head_blocks(num_heads // num_kv_heads) * num_kv_heads
        rows = num_heads * split_rows(decode_splits, largest_batch, blocks, multiprocessors)
        return cls(
            torch.empty(rows * value_dim, dtype=torch.float32, device=device),
            torch.empty(rows, dtype=torch.float32, device=device),
            multiprocessors,
            torch.zeros(largest_batch * blocks, dtype=torch.int32, device=device),
        )


def cut(tiles: DecodeTiles, *, windowed: bool) -> dict[str, object]:
    """The constants by which both stages split sequences alike."""
    return {"KEYS": tiles.keys, "SHORTEST": tiles.shortest, "WINDOWED": windowed}


def registers_for(storage: KvStorage | None) -> int | None:
    """What the compiler is told to make do with. Where codes are expanded it takes up to 241, and needs none of them;
    elsewhere it takes 146 at most by itself, and spills when it is told to use no more than 168.
    """
    return None if storage is None else MOST_REGISTERS


def attend_shape(tiles: DecodeTiles, head_dim: int, value_dim: int) -> dict[str, object]:
    """Sizes of stage 1's tiles, of which products take 16 rows and columns or more."""
    return {
        "ROWS": tiles.rows,
        "BLOCK_HEAD": max(16, triton.next_power_of_2(head_dim)),
        "BLOCK_VALUE": max(16, triton.next_power_of_2(value_dim)),
    }


def merges_itself(group: int, splits: int, value_dim: int) -> bool:
    """Whether stage 1 puts splits together: by shapes and the batch size alone, as a captured graph needs it.

    Args:
        group: Query heads of a KV head.
        splits: Most of a sequence.
    """
    return min(group, MOST_ROWS) * splits * value_dim * 4 <= LARGEST_MERGE


def last_shape(group: int, value_dim: int) -> dict[str, object]:
    """Sizes of what stage 1's last program adds up: the same for all batches, so that one kernel serves them."""
    heads = triton.next_power_of_2(min(group, MOST_ROWS))
    row = heads * max(16, triton.next_power_of_2(value_dim))
    return {"HEADS": heads, "BLOCK_SPLITS": MOST_SPLITS, "PART": min(MOST_SPLITS, max(1, ADDED // row))}


def merge_shape(splits: int, value_dim: int) -> dict[str, object]:
    """Sizes of stage 2's."""
    block = triton.next_power_of_2(splits)
    return {
        "BLOCK_VALUE": triton.next_power_of_2(value_dim),
        "BLOCK_SPLITS": block,
        "PART": min(REDUCED, block),
    }

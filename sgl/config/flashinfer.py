"""What FlashInfer's wrappers keep on a GPU, for whoever makes them and for the memory plan. Of its version 0.6."""

from __future__ import annotations

from typing import Final

LEAST_WORKSPACE: Final = 128 * 2**20
"""Bytes that FlashInfer recommends for partial results of split sequences."""
PLAN_BYTES: Final = 8 * 2**20
"""That every wrapper takes for its plan unless it is told, on the device and page-locked on the host."""
CAPTURED_PLAN_BYTES: Final = 2**20
"""A plan of single queries is a few int32 for each block: 100 KiB for 8192 of them."""
_WAVE: Final = 2
"""Blocks for each multiprocessor that FlashInfer splits long sequences for."""
_WIDEST_TILE: Final = 128
_NARROW_TILES: Final = (16, 64)
"""Packed queries of a block that has no more of them, and of one that has more (FA2 kernels)."""


def workspace_bytes(*, heads: int, kv_heads: int, head_dim: int, multiprocessors: int, largest_captured: int) -> int:
    """Bytes for float32 partial results of split sequences: for any prompt, and for captured steps, which are split
    whatever their lengths."""
    group, row = heads // kv_heads, 4 * (head_dim + 1)
    blocks = _WAVE * multiprocessors // kv_heads
    tile = next((tile for tile in _NARROW_TILES if group <= tile), _WIDEST_TILE)
    captured = max(blocks, -(-largest_captured * group // tile) + largest_captured)
    needed = heads * row * max(blocks * _WIDEST_TILE, captured * tile)
    return max(LEAST_WORKSPACE, -(-needed // 2**20) * 2**20 + 2**20)


def step_sequences(largest_batch: int) -> int:
    """Sequences of a step that there is room for: two are what compiling its kernels takes."""
    return max(2, largest_batch)


def step_pages(largest_batch: int, longest: int, chunk: int) -> int:
    """Most pages of a step, counted for each sequence that reads them; padding reads one for each row.

    Args:
        longest: Pages of the longest sequence.
        chunk: Pages that the most tokens of a step take.
    """
    return largest_batch * longest + largest_batch + chunk + 2

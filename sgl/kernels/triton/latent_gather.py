"""Compressed vectors of several sequences, one behind the other, out of the pages they are kept on.

What is multiplied with `KvUp`'s matrices to make keys and values by heads; 8-bit codes become numbers here. One program
for some tokens, which finds the sequence of each on the device. Bytes: each vector is read once and written once, 1152
of them each way with DeepSeek's widths in bfloat16. Not run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.triton.extend_kernel import SEQUENCES
from sgl.kernels.triton.latent import LatentLayer, LatentTiles, latent_variant, load_part
from sgl.kernels.triton.variant import Variant

TOKENS: Final = 16
"""Of a program: 16 KiB of DeepSeek's compressed part."""
WARPS: Final = 4


def gather_latents(
    layer: LatentLayer,
    page_table: Tensor,
    seq_lens: Tensor,
    starts: Tensor,
    *,
    first: int,
    page_size: int,
    compressed: Tensor,
    positional: Tensor,
) -> None:
    """Reads tokens ``first`` to ``first + len(compressed)`` of all sequences' one behind the other.

    Args:
        layer: Read from.
        page_table: int32 [sequences, max_pages]; entries behind a sequence's pages are not read.
        seq_lens: int32 [sequences], their tokens; 0 is padding.
        starts: int32 [sequences + 1], sums of ``seq_lens``: where each one's tokens begin, and the end.
        page_size: Tokens of a page, a power of two.
        compressed: float [count, rank], contiguous, written; zeros behind the last sequence.
        positional: float [count, rope], likewise, of the same type.

    Raises:
        ValueError: Shapes, types or strides do not fit.
    """
    count = len(compressed)
    layer.check(compressed.shape[1] + positional.shape[1], page_size)
    if compressed.shape[1] != layer.rank or len(positional) != count or compressed.dtype != positional.dtype:
        raise ValueError(f"vectors do not go to {tuple(compressed.shape)} and {tuple(positional.shape)}")
    if not compressed.is_contiguous() or not positional.is_contiguous():
        raise ValueError("vectors are gathered into contiguous tensors")
    if not count:
        return
    constants = layer.constants(page_size, torch.float32)
    _gather_latents[(triton.cdiv(count, TOKENS),)](
        *layer.tensors(),
        page_table,
        seq_lens,
        starts,
        compressed,
        positional,
        first,
        count,
        len(seq_lens),
        page_table.stride(0),
        **{name: constants[name] for name in ("RANK", "ROPE", "BLOCK_RANK", "BLOCK_ROPE", "PAGE", "STORAGE")},
        TOKENS=TOKENS,
        num_warps=WARPS,
    )


# Page tables are of any width and may begin anywhere; nothing is loaded from them that alignment helps.
@triton.jit(
    do_not_specialize=["first", "count", "sequences", "table_stride"], do_not_specialize_on_alignment=["page_table"]
)
def _gather_latents(
    compressed: tl.tensor,
    positional: tl.tensor,
    compressed_multipliers: tl.tensor,
    positional_multipliers: tl.tensor,
    compressed_stride: tl.tensor,
    positional_stride: tl.tensor,
    compressed_multiplier_stride: tl.tensor,
    positional_multiplier_stride: tl.tensor,
    page_table: tl.tensor,
    seq_lens: tl.tensor,
    starts: tl.tensor,
    gathered: tl.tensor,
    gathered_rope: tl.tensor,
    first: tl.tensor,
    count: tl.tensor,
    sequences: tl.tensor,
    table_stride: tl.tensor,
    RANK: tl.constexpr,
    ROPE: tl.constexpr,
    BLOCK_RANK: tl.constexpr,
    BLOCK_ROPE: tl.constexpr,
    PAGE: tl.constexpr,
    STORAGE: tl.constexpr,
    TOKENS: tl.constexpr,
) -> None:
    place = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS)
    token = first + place
    begun = tl.zeros((TOKENS,), tl.int32)
    for at in range(0, sequences, SEQUENCES):
        index = at + tl.arange(0, SEQUENCES)
        start = tl.load(starts + index, mask=index < sequences, other=2147483647)
        begun += tl.sum((start[None, :] <= token[:, None]).to(tl.int32), 1)
    # The last one that has begun: one without tokens begins where the next one does.
    sequence = begun - 1
    position = token - tl.load(starts + sequence)
    seen = (position < tl.load(seq_lens + sequence)) & (place < count)
    own = page_table + sequence.to(tl.int64) * table_stride
    slots = tl.load(own + position // PAGE, mask=seen, other=0).to(tl.int64) * PAGE + position % PAGE
    _move(
        compressed, compressed_multipliers, slots, seen, compressed_stride, compressed_multiplier_stride,
        gathered, place, count, RANK, BLOCK_RANK, STORAGE,
    )  # fmt: skip
    _move(
        positional, positional_multipliers, slots, seen, positional_stride, positional_multiplier_stride,
        gathered_rope, place, count, ROPE, BLOCK_ROPE, STORAGE,
    )  # fmt: skip


@triton.jit
def _move(
    part: tl.tensor,
    multipliers: tl.tensor,
    slots: tl.tensor,
    seen: tl.tensor,
    slot_stride: tl.tensor,
    multiplier_stride: tl.tensor,
    to: tl.tensor,
    place: tl.tensor,
    count: tl.tensor,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
    STORAGE: tl.constexpr,
) -> None:
    """One part of some vectors, times its multipliers."""
    numbers, scales = load_part(
        part, multipliers, slots, seen, slot_stride, multiplier_stride, SIZE, BLOCK, STORAGE, tl.float32, False
    )
    if STORAGE != 0:
        numbers = numbers * scales[:, None]
    element = tl.arange(0, BLOCK)
    at = to + place.to(tl.int64)[:, None] * SIZE + element[None, :]
    tl.store(at, numbers.to(to.dtype.element_ty), mask=(place < count)[:, None] & (element < SIZE)[None, :])


def _variants() -> Iterator[Variant]:
    cases: tuple[tuple[str, KvStorage | None], ...] = (("bf16", None), ("fp8", "fp8_e4m3"), ("int8", "int8"))
    for label, storage in cases:
        tiles = LatentTiles(1, 1, WARPS, 3)
        variant = latent_variant(f"gather_latents {label}", _gather_latents, tiles, {"TOKENS": TOKENS}, storage=storage)
        yield replace(variant, dependent=False)


VARIANTS: Final = tuple(_variants())

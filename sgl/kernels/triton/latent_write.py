"""Writes the vectors of new tokens into a layer's pool, as they are or as 8-bit codes (`sgl.kvcache.latent_scaled`).

One program a token, which reads and writes its vector: 1152 bytes each way with DeepSeek's widths in bfloat16. Not run
on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.triton.codec import encode, multiplier, stored_multiplier
from sgl.kernels.triton.latent import LatentLayer, LatentTiles, latent_variant
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant


def write_latent(latent: Tensor, slots: Tensor, layer: LatentLayer, *, dependent: bool = False) -> None:
    """Stores one vector a token.

    Args:
        latent: float [tokens, rank + rope], the first part after its norm, the second after rope; rows may be views.
        slots: int64 [tokens], distinct; -1 is written nowhere.
        layer: Written to.
        dependent: Launched to start before the kernel in front of it has ended.

    Raises:
        ValueError: Shapes, types or strides do not fit.
    """
    layer.check(latent.shape[1], 1)
    if latent.stride(1) != 1 or len(slots) != len(latent):
        raise ValueError(f"vectors of {tuple(latent.shape)}, contiguous, do not go to {len(slots)} slots")
    if not len(latent):
        return
    early = starts_early(latent.device, dependent)
    constants = layer.constants(1, torch.float32)
    _write[(len(latent),)](
        latent,
        slots,
        *layer.tensors(),
        latent.stride(0),
        **{name: constants[name] for name in ("RANK", "ROPE", "BLOCK_RANK", "BLOCK_ROPE", "STORAGE")},
        DEPENDENT=early,
        num_warps=WARPS,
        launch_pdl=early,
    )


WARPS: Final = 2
"""8 elements a thread of the compressed part."""


@triton.jit
def _write(
    latent: tl.tensor,
    slots: tl.tensor,
    compressed: tl.tensor,
    positional: tl.tensor,
    compressed_multipliers: tl.tensor,
    positional_multipliers: tl.tensor,
    compressed_stride: tl.tensor,
    positional_stride: tl.tensor,
    compressed_multiplier_stride: tl.tensor,
    positional_multiplier_stride: tl.tensor,
    latent_stride: tl.tensor,
    RANK: tl.constexpr,
    ROPE: tl.constexpr,
    BLOCK_RANK: tl.constexpr,
    BLOCK_ROPE: tl.constexpr,
    STORAGE: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    token = tl.program_id(0).to(tl.int64)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    slot = tl.load(slots + token)
    if slot >= 0:
        row = latent + token * latent_stride
        _write_part(
            row, compressed + slot * compressed_stride, compressed_multipliers, slot * compressed_multiplier_stride,
            RANK, BLOCK_RANK, STORAGE,
        )  # fmt: skip
        _write_part(
            row + RANK, positional + slot * positional_stride, positional_multipliers,
            slot * positional_multiplier_stride, ROPE, BLOCK_ROPE, STORAGE,
        )  # fmt: skip


@triton.jit
def _write_part(
    row: tl.tensor,
    part: tl.tensor,
    multipliers: tl.tensor,
    at: tl.tensor,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
    STORAGE: tl.constexpr,
) -> None:
    """One part of one token's vector; ``at`` is where its multiplier goes."""
    element = tl.arange(0, BLOCK)
    values = tl.load(row + element, mask=element < SIZE, other=0.0).to(tl.float32)
    if STORAGE != 0:
        unit = multiplier(values, STORAGE)
        tl.store(part + element, encode(values, unit, STORAGE), mask=element < SIZE)
        tl.store(multipliers + at, stored_multiplier(unit, STORAGE))
    else:
        tl.store(part + element, values.to(part.dtype.element_ty), mask=element < SIZE)


def _variants() -> Iterator[Variant]:
    cases: tuple[tuple[str, KvStorage | None], ...] = (("bf16", None), ("fp8", "fp8_e4m3"), ("int8", "int8"))
    for label, storage in cases:
        yield latent_variant(f"write_latent {label}", _write, LatentTiles(1, 1, WARPS, 3), {}, storage=storage)


VARIANTS: Final = tuple(_variants())

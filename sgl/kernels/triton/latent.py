"""What the kernels of multi-head latent attention share: a layer of the pool, tiles, and one step of a softmax.

All query heads attend to one vector a token: the compressed key, which is the value too, and the key's part with
position. Queries are absorbed (`sgl.kernels.latent.KvUp`), so they are as wide as the vector, and the rows of a tile
are heads. A tile of vectors is read once and multiplied twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.config.splits import latent_rows
from sgl.kernels.triton.codec import storage_code
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.paged import TYPES, anchor
from sgl.kernels.triton.variant import Variant
from sgl.kernels.triton.widen import from_e4m3, from_int8


@dataclass(frozen=True, slots=True)
class LatentLayer:
    """One layer of a pool of vectors (`sgl.kvcache.latent`, `sgl.kvcache.latent_scaled`).

    Attributes:
        compressed: [slots, rank]: float, or int8 codes; rows may be views.
        positional: [slots, rope], likewise.
        compressed_multipliers: float32 [slots] of codes; None without.
        positional_multipliers: Like compressed_multipliers.
        storage: What the codes are; None is the type that is computed in.
    """

    compressed: Tensor
    positional: Tensor
    compressed_multipliers: Tensor | None = None
    positional_multipliers: Tensor | None = None
    storage: KvStorage | None = None

    @classmethod
    def plain(cls, vectors: Tensor, rank: int) -> LatentLayer:
        """Of vectors [slots, rank + rope] as they are."""
        return cls(vectors[:, :rank], vectors[:, rank:])

    @property
    def rank(self) -> int:
        """Elements of the compressed part."""
        return self.compressed.shape[1]

    @property
    def rope(self) -> int:
        """Elements of the part with position."""
        return self.positional.shape[1]

    def tensors(self) -> tuple[Tensor | int | None, ...]:
        """The arguments of a kernel: both parts, their multipliers, and the strides of each."""
        parts = (self.compressed, self.positional)
        multipliers = (self.compressed_multipliers, self.positional_multipliers)
        strides = (0 if tensor is None else tensor.stride(0) for tensor in (*parts, *multipliers))
        return (*parts, *multipliers, *strides)

    def constants(self, page_size: int, operand: torch.dtype) -> dict[str, Any]:
        """The constants of a kernel that reads the pool for queries of type ``operand``."""
        return {
            "RANK": self.rank,
            "ROPE": self.rope,
            "BLOCK_RANK": max(16, triton.next_power_of_2(self.rank)),
            "BLOCK_ROPE": max(16, triton.next_power_of_2(self.rope)),
            "PAGE": page_size,
            "OPERAND": tl.float32 if INTERPRETED else TYPES[operand],
            "STORAGE": storage_code(self.storage),
            "ASM": not INTERPRETED,
        }

    def check(self, width: int, page_size: int) -> None:
        """Refuses what would be read as something else: kernels see addresses only.

        Raises:
            ValueError: Vectors are not ``width`` wide, or sizes, types or strides do not fit.
        """
        if self.rank + self.rope != width or len(self.compressed) != len(self.positional):
            shapes = f"{tuple(self.compressed.shape)} and {tuple(self.positional.shape)}"
            raise ValueError(f"parts of {shapes} do not make vectors of {width}")
        if page_size < 1 or page_size & (page_size - 1) or len(self.compressed) % page_size:
            raise ValueError(f"page_size {page_size} is no power of two that divides {len(self.compressed)} slots")
        expected = tuple(TYPES) if self.storage is None else (torch.int8,)
        if self.compressed.dtype not in expected or self.positional.dtype != self.compressed.dtype:
            raise ValueError(f"{self.compressed.dtype} is no type of {self.storage or 'plain'} vectors")
        if self.compressed.stride(1) != 1 or self.positional.stride(1) != 1:
            raise ValueError("vectors must be contiguous along their elements")
        if {self.compressed_multipliers is None, self.positional_multipliers is None} != {self.storage is None}:
            raise ValueError("8-bit vectors have multipliers of both parts, others have none")


@dataclass(frozen=True, slots=True)
class LatentTiles:
    """How the work is cut.

    Attributes:
        rows: Query heads, or heads times new tokens, of a tile.
        keys: Vectors of a tile.
    """

    rows: int
    keys: int
    warps: int
    stages: int


SMALL: Final = LatentTiles(16, 16, 4, 1)
"""For the interpreter."""


def latent_tiles(rows: int, storage: KvStorage | None, *, interpreted: bool = INTERPRETED) -> LatentTiles:
    """Chooses by the rows that may share a tile, for every batch alike.

    The weighted sums of 32 rows are 64 KiB of registers, which is what fits: with 64 rows, which would halve the reads
    from the second-level cache, the compiler spills. Two tiles of 32 vectors and the queries are 74 KiB of shared
    memory. Codes need registers to be converted in, so a tile has half as many rows.
    """
    if interpreted:
        return SMALL
    return LatentTiles(latent_rows(rows, coded=storage is not None), 32, 8, 2)


@triton.jit
def load_part(
    part: tl.tensor,
    multipliers: tl.tensor,
    slots: tl.tensor,
    seen: tl.tensor,
    slot_stride: tl.tensor,
    multiplier_stride: tl.tensor,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
    STORAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    ASM: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """One part of some vectors, [slots, BLOCK], and its multipliers [slots]; 0 where nobody looks."""
    element = tl.arange(0, BLOCK)
    mask = seen[:, None]
    if BLOCK != SIZE:
        mask = mask & (element < SIZE)[None, :]
    codes = tl.load(part + slots[:, None] * slot_stride + element[None, :], mask=mask, other=0)
    scales = seen.to(tl.float32)
    if STORAGE != 0:
        scales = tl.load(multipliers + slots * multiplier_stride, mask=seen, other=0.0)
    if STORAGE == 2:
        return from_e4m3(codes, OPERAND, ASM), scales
    elif STORAGE == 1:
        return from_int8(codes, OPERAND), scales
    else:
        return codes.to(OPERAND), scales


@triton.jit
def attend_vectors(
    begin: tl.tensor,
    end: tl.tensor,
    rows_at: tl.tensor,
    query: tl.tensor,
    query_rope: tl.tensor,
    table: tl.tensor,
    compressed: tl.tensor,
    positional: tl.tensor,
    compressed_multipliers: tl.tensor,
    positional_multipliers: tl.tensor,
    compressed_stride: tl.tensor,
    positional_stride: tl.tensor,
    compressed_multiplier_stride: tl.tensor,
    positional_multiplier_stride: tl.tensor,
    inner: tl.tensor,
    RANK: tl.constexpr,
    ROPE: tl.constexpr,
    BLOCK_RANK: tl.constexpr,
    BLOCK_ROPE: tl.constexpr,
    ROWS: tl.constexpr,
    KEYS: tl.constexpr,
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    ASM: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """A softmax over the positions from ``begin`` to ``end``, which is a tile's own size from 0 on.

    Multipliers belong to whole vectors, so they meet scores and weights instead of every element.

    Args:
        rows_at: int32 [ROWS]; a row sees positions up to its own.
        query: [ROWS, BLOCK_RANK].
        query_rope: [ROWS, BLOCK_ROPE].
        inner: Scores in base 2 are the product times this.

    Returns:
        float32 peak [ROWS], sum of weights [ROWS], weighted sum of vectors [ROWS, BLOCK_RANK].
    """
    peak = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    mixed = tl.zeros((ROWS, BLOCK_RANK), tl.float32)
    # Pages are asked for one tile ahead, so that a tile's loads start when the one before is multiplied.
    positions = begin + tl.arange(0, KEYS)
    pages = tl.load(table + positions // PAGE, mask=positions < end, other=0)
    for at in range(begin, end, KEYS):
        positions = at + tl.arange(0, KEYS)
        seen = positions < end
        slots = pages.to(tl.int64) * PAGE + positions % PAGE
        ahead = positions + KEYS
        pages = tl.load(table + ahead // PAGE, mask=ahead < end, other=0)
        vectors, scale = load_part(
            compressed, compressed_multipliers, slots, seen, compressed_stride, compressed_multiplier_stride,
            RANK, BLOCK_RANK, STORAGE, OPERAND, ASM,
        )  # fmt: skip
        ropes, rope_scale = load_part(
            positional, positional_multipliers, slots, seen, positional_stride, positional_multiplier_stride,
            ROPE, BLOCK_ROPE, STORAGE, OPERAND, ASM,
        )  # fmt: skip
        if STORAGE != 0:
            scores = tl.dot(query, tl.trans(vectors), input_precision="ieee") * scale[None, :]
            scores += tl.dot(query_rope, tl.trans(ropes), input_precision="ieee") * rope_scale[None, :]
        else:
            scores = tl.dot(query, tl.trans(vectors), input_precision="ieee")
            scores = tl.dot(query_rope, tl.trans(ropes), scores, input_precision="ieee")
        visible = seen[None, :] & (positions[None, :] <= rows_at[:, None])
        scores = tl.where(visible, scores * inner, float("-inf"))
        higher = tl.maximum(peak, tl.max(scores, 1))
        base = anchor(higher)
        weights = tl.exp2(scores - base[:, None])
        shrink = tl.exp2(peak - base)
        total = total * shrink + tl.sum(weights, 1)
        if STORAGE != 0:
            weights = weights * scale[None, :]
        mixed = tl.dot(weights.to(OPERAND), vectors, mixed * shrink[:, None], input_precision="ieee")
        peak = higher
    return peak, total, mixed


def latent_variant(
    name: str,
    kernel: Any,
    tiles: LatentTiles,
    constants: dict[str, object],
    *,
    storage: KvStorage | None = None,
) -> Variant:
    """A kernel over the vectors of DeepSeek V2 and V3, for `benchmarks.kernel_gate`."""
    vectors = "*i8" if storage else "*bf16"
    types = {"query": "*bf16", "out": "*bf16", "compressed": vectors, "positional": vectors, "inner": "fp32"}
    types |= dict.fromkeys(("page_table", "seq_lens", "cu_q", "starts"), "*i32")
    types |= dict.fromkeys(("latent", "gathered", "gathered_rope"), "*bf16") | {"slots": "*i64"}
    types |= dict.fromkeys(("compressed_multipliers", "positional_multipliers"), "*fp32")
    types |= dict.fromkeys(("partial", "sums", "peaks", "totals"), "*fp32")
    given = {
        "RANK": 512,
        "ROPE": 64,
        "BLOCK_RANK": 512,
        "BLOCK_ROPE": 64,
        "PAGE": 16,
        "OPERAND": tl.bfloat16,
        "STORAGE": storage_code(storage),
        "ASM": True,
        "ROWS": tiles.rows,
        "KEYS": tiles.keys,
        "DEPENDENT": True,
        **constants,
        **({} if storage else {"compressed_multipliers": None, "positional_multipliers": None}),
    }
    names = [each for each in kernel.arg_names if each not in given]
    whole = ("query_row_stride", "query_head_stride", "compressed_stride", "positional_stride", "latent_stride")
    return Variant(
        name=name,
        kernel=kernel,
        signature={each: types.get(each, "i32") for each in names},
        constants={each: value for each, value in given.items() if each in kernel.arg_names},
        divisible=tuple(each for each in whole if each in names),
        warps=tiles.warps,
        stages=tiles.stages,
        dependent=True,
        wide_loads=True,
        tensor_cores="query" in names,
    )

"""What the attention kernels over the paged pool share: slots, tiles of K and V, and one step of a softmax.

Slot ``page * page_size + offset`` of a layer holds one token. Tiles begin at positions that are multiples of their
size, so what a tile holds does not depend on where a sequence is read from.

Softmaxes are in base 2: scores come multiplied with log2(e), and the exponential is the GPU's own instruction.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.triton.codec import decode
from sgl.kernels.triton.mode import INTERPRETED

LOG2_E: Final = tl.constexpr(1.4426950408889634)
LN_2: Final = tl.constexpr(0.6931471805599453)
TYPES: Final = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}


def operand_type(query: Tensor, keys: Tensor, storage: KvStorage | None) -> Any:
    """Triton's type in which tiles are multiplied: the pool's own, or the query's where the pool keeps codes.

    All of E4M3's and int8's numbers are exact in float16 and in bfloat16. The interpreter multiplies float32 only.
    """
    return tl.float32 if INTERPRETED else TYPES[query.dtype if storage else keys.dtype]


FIRST_LARGE: Final = 90
"""Compute capability from which a block may have 227 KiB of shared memory, and products of 64 rows run at once."""
NO_LONGER_LARGE: Final = 120
"""The GPUs of desktops have numbers of their own, 99 KiB, and products like those of an A100."""
LARGE_SHARED: Final = 227 * 1024


def has_large_blocks(capability: int) -> bool:
    """Whether a GPU is one of those; ten times its compute capability is asked for."""
    return FIRST_LARGE <= capability < NO_LONGER_LARGE


def product_shape(rows: int, keys: int, head_dim: int, value_dim: int) -> dict[str, Any]:
    """Sizes of tiles, of which products take 16 rows and columns or more."""
    return {
        "ROWS": rows,
        "KEYS": keys,
        "BLOCK_HEAD": max(16, triton.next_power_of_2(head_dim)),
        "BLOCK_VALUE": max(16, triton.next_power_of_2(value_dim)),
    }


def compute_capability(device: torch.device) -> int:
    """Ten times its number, as in 90; 80 where kernels are interpreted."""
    if INTERPRETED:
        return 80
    major, minor = torch.cuda.get_device_capability(device)
    return 10 * major + minor


def score_factors(scale: float, softcap: float | None) -> tuple[float, float]:
    """``(inner, outer)``: scores in base 2 are ``inner * dot``, or, capped, ``outer * tanh(inner * dot)``."""
    return (scale * LOG2_E.value, 1.0) if softcap is None else (scale / softcap, softcap * LOG2_E.value)


def check_pool(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    key_multipliers: Tensor | None,
    value_multipliers: Tensor | None,
    storage: KvStorage | None,
    page_size: int,
) -> None:
    """Refuses what would be read as something else: kernels see addresses only.

    Raises:
        ValueError: Heads do not group, sizes or types do not fit, or a last dimension is not contiguous.
    """
    kv_heads, head_dim = keys.shape[1:]
    if query.shape[1] % kv_heads or query.shape[2] != head_dim or values.shape[:2] != keys.shape[:2]:
        shapes = f"query {tuple(query.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)}"
        raise ValueError(
            f"attention takes [tokens, heads, head_dim] whose heads are a multiple of the pool's: {shapes}"
        )
    if page_size < 1 or page_size & (page_size - 1) or len(keys) % page_size:
        raise ValueError(f"page_size {page_size} is no power of two that divides the pool's {len(keys)} slots")
    if any(tensor.stride(-1) != 1 for tensor in (query, keys, values)):
        raise ValueError("attention takes query, keys and values whose last dimension is contiguous")
    expected = (torch.int8,) if storage else tuple(TYPES)
    if keys.dtype not in expected or values.dtype != keys.dtype:
        raise ValueError(f"a pool of {storage or 'plain'} K and V is not {keys.dtype} and {values.dtype}")
    if (storage is None) != (key_multipliers is None) or (storage is None) != (value_multipliers is None):
        raise ValueError("multipliers of K and of V belong to 8-bit pools, and only to them")


def results(query: Tensor, value_dim: int, out: Tensor | None, lse: Tensor | None) -> Tensor:
    """``out``, or memory for it: [tokens, heads, value_dim] in query's type.

    Raises:
        ValueError: ``out`` or ``lse`` has another shape, or is not contiguous.
    """
    shape = (*query.shape[:2], value_dim)
    if out is None:
        out = torch.empty(shape, dtype=query.dtype, device=query.device)
    if out.shape != shape or not out.is_contiguous():
        raise ValueError(f"attention writes a contiguous {list(shape)}, not {list(out.shape)} of stride {out.stride()}")
    if lse is not None and (lse.shape != shape[:2] or lse.dtype != torch.float32 or not lse.is_contiguous()):
        raise ValueError(
            f"log-sum-exps go to a contiguous float32 {list(shape[:2])}, not {lse.dtype} {list(lse.shape)}"
        )
    return out


@triton.jit
def find_pages(
    table: tl.tensor, at: tl.tensor, low: tl.tensor, high: tl.tensor, KEYS: tl.constexpr, PAGE: tl.constexpr
) -> tl.tensor:
    """Pages of a tile of positions, int32 [KEYS], by a sequence's row of the page table.

    Loops ask one tile ahead: where K and V lie is then known when their loads are started, and what the compiler
    pipelines is one load deep. Positions before ``low`` and from ``high`` on are not looked up, and get padding.
    """
    positions = at + tl.arange(0, KEYS)
    return tl.load(table + positions // PAGE, mask=(positions >= low) & (positions < high), other=0)


@triton.jit
def expand(codes: tl.tensor, OPERAND: tl.constexpr, STORAGE: tl.constexpr) -> tl.tensor:
    """What a tile of a pool stands for, in the type of the products; multipliers come later."""
    if STORAGE == 0:
        return codes.to(OPERAND)
    else:
        return decode(codes, STORAGE).to(OPERAND)


@triton.jit
def cap(scores: tl.tensor, outer: tl.tensor) -> tl.tensor:
    """``outer * tanh(scores)``, by an exponential that is at most 1 and leaves NaN what it is."""
    shrunk = tl.exp2(tl.abs(scores) * (-2.0 * LOG2_E))
    size = (1.0 - shrunk) / (1.0 + shrunk)
    return tl.where(scores < 0.0, -size, size) * outer


@triton.jit
def anchor(peak: tl.tensor) -> tl.tensor:
    """``peak``, or 0 for rows that have seen no key: -inf minus -inf is not a number."""
    return tl.where(peak == float("-inf"), 0.0, peak)


@triton.jit
def denominator(total: tl.tensor) -> tl.tensor:
    """``total``, or 1 for rows that have seen no key, whose sums are 0."""
    return tl.where(total == 0.0, 1.0, total)


@triton.jit
def attend(
    query: tl.tensor,
    key: tl.tensor,
    value: tl.tensor,
    key_scale: tl.tensor,
    value_scale: tl.tensor,
    visible: tl.tensor,
    peak: tl.tensor,
    total: tl.tensor,
    mixed: tl.tensor,
    inner: tl.tensor,
    outer: tl.tensor,
    CAPPED: tl.constexpr,
    SCALED: tl.constexpr,
    MASKED: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """One tile of keys.

    Multipliers belong to whole rows of K and V, so they meet the scores and the weights instead of every element.

    Args:
        query: [rows, head_dim].
        key: [head_dim, keys] in query's type; columns that are not visible are finite.
        value: [keys, value_dim], likewise.
        key_scale: float32 [keys], where SCALED.
        value_scale: Like key_scale.
        visible: bool [rows, keys], where MASKED.
        peak: float32 [rows], the largest score so far.
        total: float32 [rows], the sum of weights so far.
        mixed: float32 [rows, value_dim], the weighted sum so far.

    Returns:
        peak, total, mixed.
    """
    scores = tl.dot(query, key, input_precision="ieee")
    if SCALED:
        scores = scores * key_scale[None, :]
    scores = scores * inner
    if CAPPED:
        scores = cap(scores, outer)
    if MASKED:
        scores = tl.where(visible, scores, float("-inf"))
    higher = tl.maximum(peak, tl.max(scores, 1))
    base = higher
    if MASKED:
        base = anchor(higher)
    weights = tl.exp2(scores - base[:, None])
    shrink = tl.exp2(peak - base)
    total = total * shrink + tl.sum(weights, 1)
    if SCALED:
        weights = weights * value_scale[None, :]
    mixed = tl.dot(weights.to(value.dtype), value, mixed * shrink[:, None], input_precision="ieee")
    return higher, total, mixed


@triton.jit
def add_sink(
    sink: tl.tensor, peak: tl.tensor, total: tl.tensor, mixed: tl.tensor
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Lets a score per row, float32 [rows] in base e, take its share: it has a weight and no value."""
    sink = sink * LOG2_E
    higher = tl.maximum(peak, sink)
    base = anchor(higher)
    shrink = tl.exp2(peak - base)
    return higher, total * shrink + tl.exp2(sink - base), mixed * shrink[:, None]

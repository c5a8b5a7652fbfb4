"""Between the projection to q, k and v and attention: norms of heads, rotation, and writing to the KV pool, at once.

A program takes some heads of one token, all of them queries, keys or values. Bytes of a token of Llama 3.1 8B in
bfloat16: 12 KiB read, 8 KiB of queries and 4 KiB of keys and values written; 0.047 ms for 8192 tokens at 4.3 TB/s, and
for few tokens one launch in place of four. Not run on a GPU.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.model import NormKind
from sgl.kernels.fused import HeadNorms, HeadTurn, KvTarget
from sgl.kernels.triton.codec import FP8, INT8, PLAIN, encode, multiplier, storage_code, stored_multiplier
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.turn import turned
from sgl.kernels.triton.variant import Variant

TILE: Final = 512
"""Elements of a program."""
_PLAIN: Final = tl.constexpr(PLAIN)


@triton.jit
def keep(
    x: tl.tensor,
    pool: tl.tensor,
    multipliers: tl.tensor,
    slot: tl.tensor,
    head: tl.tensor,
    heads: tl.constexpr,
    slot_stride: tl.tensor,
    head_stride: tl.tensor,
    multiplier_stride: tl.tensor,
    DIM: tl.constexpr,
    STORAGE: tl.constexpr,
    WIDTH: tl.constexpr,
) -> None:
    """Writes heads, float32 [WIDTH, HEADS], to a slot of the pool, unless it is negative."""
    lane = tl.arange(0, WIDTH)
    if slot >= 0:
        place = pool + slot * slot_stride + head[None, :] * head_stride + lane[:, None]
        inside = (lane[:, None] < DIM) & (head[None, :] < heads)
        if STORAGE == _PLAIN:
            tl.store(place, x.to(pool.dtype.element_ty), mask=inside)
        else:
            unit = multiplier(x, STORAGE)
            beside = multipliers + slot * multiplier_stride + head
            tl.store(beside, stored_multiplier(unit, STORAGE), mask=head < heads)
            tl.store(place, encode(x, unit[None, :], STORAGE), mask=inside)


@triton.jit
def place_heads(
    qkv: tl.tensor,
    query: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    key_multipliers: tl.tensor,
    value_multipliers: tl.tensor,
    query_weight: tl.tensor,
    key_weight: tl.tensor,
    cos: tl.tensor,
    sin: tl.tensor,
    positions: tl.tensor,
    slots: tl.tensor,
    qkv_stride: tl.tensor,
    query_stride: tl.tensor,
    key_slot_stride: tl.tensor,
    key_head_stride: tl.tensor,
    value_slot_stride: tl.tensor,
    value_head_stride: tl.tensor,
    key_multiplier_stride: tl.tensor,
    value_multiplier_stride: tl.tensor,
    table_stride: tl.tensor,
    eps: tl.tensor,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    DIM: tl.constexpr,
    ROTARY: tl.constexpr,
    KIND: tl.constexpr,
    INTERLEAVED: tl.constexpr,
    STORAGE: tl.constexpr,
    HEADS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """HEADS heads of one token: first programs take those of q, then of k, then of v."""
    QUERY_GROUPS: tl.constexpr = (QUERIES + HEADS - 1) // HEADS
    KEY_GROUPS: tl.constexpr = (KEYS + HEADS - 1) // HEADS
    token = tl.program_id(0).to(tl.int64)
    group = tl.program_id(1)
    row = qkv + token * qkv_stride
    lane = tl.arange(0, WIDTH)
    within = tl.arange(0, HEADS)
    if group < QUERY_GROUPS:
        head = group * HEADS + within
        x = turned(
            *(row, head, QUERIES, query_weight, cos, sin, positions, token, table_stride, eps),
            *(DIM, ROTARY, KIND, INTERLEAVED, WIDTH, DEPENDENT),
        )
        release_dependents(DEPENDENT)
        place = query + token * query_stride + head[None, :] * DIM + lane[:, None]
        tl.store(place, x.to(query.dtype.element_ty), mask=(lane[:, None] < DIM) & (head[None, :] < QUERIES))
    elif group < QUERY_GROUPS + KEY_GROUPS:
        head = (group - QUERY_GROUPS) * HEADS + within
        x = turned(
            *(row + QUERIES * DIM, head, KEYS, key_weight, cos, sin, positions, token, table_stride, eps),
            *(DIM, ROTARY, KIND, INTERLEAVED, WIDTH, DEPENDENT),
        )
        slot = tl.load(slots + token)
        release_dependents(DEPENDENT)
        keep(
            *(x, keys, key_multipliers, slot, head, KEYS, key_slot_stride, key_head_stride, key_multiplier_stride),
            *(DIM, STORAGE, WIDTH),
        )
    else:
        head = (group - QUERY_GROUPS - KEY_GROUPS) * HEADS + within
        await_inputs(DEPENDENT)
        inside = (lane[:, None] < DIM) & (head[None, :] < KEYS)
        first = row + (QUERIES + KEYS) * DIM
        x = tl.load(first + head[None, :] * DIM + lane[:, None], mask=inside, other=0.0).to(tl.float32)
        slot = tl.load(slots + token)
        release_dependents(DEPENDENT)
        keep(
            *(x, values, value_multipliers, slot, head, KEYS),
            *(value_slot_stride, value_head_stride, value_multiplier_stride, DIM, STORAGE, WIDTH),
        )


def tile_of(queries: int, dim: int) -> tuple[int, int, int]:
    """Heads of a program, the power of two that holds a head, and warps: 8 elements a thread."""
    width: int = triton.next_power_of_2(dim)
    heads: int = min(max(1, TILE // width), triton.next_power_of_2(queries))
    return heads, width, max(1, heads * width // 256)


def write_heads(
    qkv: Tensor,
    heads: int,
    norms: HeadNorms | None,
    turn: HeadTurn | None,
    target: KvTarget,
    *,
    out: Tensor | None = None,
    dependent: bool = False,
) -> Tensor:
    """Norms and rotates heads, and writes keys and values to the pool.

    Args:
        qkv: float [tokens, (heads + 2 * num_kv_heads) * head_dim], rows contiguous.
        heads: Query heads.
        norms: RMSNorm of each head of q and k, rounded as `sgl.kernels.triton.norm` rounds; None is none.
        turn: Rotation, in float32; None is none. Positions of all tokens must be in the tables, also where the slot
            is -1.
        target: Where keys and values go. They are rounded to qkv's type before they are coded, so codes are those of
            `sgl.kvcache.scaled.ScaledPool.store`.
        out: [tokens, heads, head_dim], contiguous in each token, to write to.
        dependent: See `sgl.kernels.triton.pdl`.

    Returns:
        Queries of qkv's type, [tokens, heads, head_dim].
    """
    tokens, (_, kv_heads, dim) = len(qkv), target.keys.shape
    out = torch.empty(tokens, heads, dim, dtype=qkv.dtype, device=qkv.device) if out is None else out
    if not tokens:
        return out
    together, width, warps = tile_of(heads, dim)
    groups = triton.cdiv(heads, together) + 2 * triton.cdiv(kv_heads, together)
    early = starts_early(qkv.device, dependent)
    place_heads[(tokens, groups)](
        qkv,
        out,
        target.keys,
        target.values,
        target.key_multipliers,
        target.value_multipliers,
        None if norms is None else norms.query,
        None if norms is None else norms.key,
        None if turn is None else turn.cos,
        None if turn is None else turn.sin,
        None if turn is None else turn.positions,
        target.slots,
        qkv.stride(0),
        out.stride(0),
        target.keys.stride(0),
        target.keys.stride(1),
        target.values.stride(0),
        target.values.stride(1),
        0 if target.key_multipliers is None else target.key_multipliers.stride(0),
        0 if target.value_multipliers is None else target.value_multipliers.stride(0),
        0 if turn is None else turn.cos.stride(0),
        0.0 if norms is None else norms.eps,
        QUERIES=heads,
        KEYS=kv_heads,
        DIM=dim,
        ROTARY=0 if turn is None else 2 * turn.cos.shape[1],
        KIND=None if norms is None else norms.kind,
        INTERLEAVED=turn is not None and turn.interleaved,
        STORAGE=storage_code(target.storage),
        HEADS=together,
        WIDTH=width,
        DEPENDENT=early,
        num_warps=warps,
        launch_pdl=early,
    )
    return out


def _variant(
    case: str,
    queries: int,
    keys: int,
    dim: int,
    *,
    rotary: int | None = None,
    kind: NormKind | None = None,
    interleaved: bool = False,
    storage: int = PLAIN,
) -> Variant:
    heads, width, warps = tile_of(queries, dim)
    rotary = dim if rotary is None else rotary
    pool = "*bf16" if storage == PLAIN else "*i8"
    signature = {
        **{"qkv": "*bf16", "query": "*bf16", "keys": pool, "values": pool},
        **dict.fromkeys(("key_multipliers", "value_multipliers"), "*fp32"),
        **dict.fromkeys(("query_weight", "key_weight"), "*bf16"),
        **{"cos": "*fp32", "sin": "*fp32", "positions": "*i64", "slots": "*i64"},
    }
    pool_strides = [f"{side}_{of}_stride" for side in ("key", "value") for of in ("slot", "head")]
    strides = ("qkv_stride", "query_stride", *pool_strides, "table_stride")
    constants: dict[str, Any] = {
        **{"QUERIES": queries, "KEYS": keys, "DIM": dim, "ROTARY": rotary, "KIND": kind},
        **{"INTERLEAVED": interleaved, "STORAGE": storage, "HEADS": heads, "WIDTH": width},
    }
    if storage == PLAIN:
        constants |= dict.fromkeys(("key_multipliers", "value_multipliers"))
    if kind is None:
        constants |= dict.fromkeys(("query_weight", "key_weight"))
    if not rotary:
        constants |= dict.fromkeys(("cos", "sin", "positions"))
    return Variant(
        name=f"heads bf16 {case}",
        kernel=place_heads,
        signature={
            **signature,
            **dict.fromkeys((*strides, "key_multiplier_stride", "value_multiplier_stride"), "i32"),
            "eps": "fp32",
        },
        constants=constants,
        divisible=strides,
        warps=warps,
        dependent=True,
        wide_loads=True,
    )


VARIANTS: Final = (
    _variant("32/8 d128", 32, 8, 128),
    _variant("32/8 d128 fp8", 32, 8, 128, storage=FP8),
    _variant("32/8 d128 int8", 32, 8, 128, storage=INT8),
    _variant("16/8 d128 normed", 16, 8, 128, kind="rms"),
    _variant("16/8 d128 normed fp8", 16, 8, 128, kind="rms", storage=FP8),
    _variant("16/8 d256 normed plus one", 16, 8, 256, kind="rms_plus_one"),
    _variant("64/8 d64", 64, 8, 64),
    _variant("32/2 d128 half interleaved", 32, 2, 128, rotary=64, interleaved=True),
    _variant("32/32 d80 part", 32, 32, 80, rotary=32),
    _variant("32/8 d128 still", 32, 8, 128, rotary=0),
)

"""Grouped products: every row meets the weight of one of its experts, all in one kernel.

Rows come sorted by expert (`sgl.kernels.triton.align`), a block of rows has one expert, and a program computes some of
its outputs; programs of surplus blocks end at once, so that the grid depends on counts that the host knows. Weights
are [experts, outputs, inputs] in the type of the rows, or 8-bit codes of them (rows stay as they are, W8A16).
`sgl.kernels.twins.expert_matmul` is the plain twin.

A decode step reads the weights of each expert that was chosen once: Qwen3-30B-A3B, one token, 8 experts of 9.4 MB in
bfloat16 in each of 48 layers: 3.6 GB, 0.84 ms at 4.3 TB/s, and half of that with 8 bits. Prompts are bound by
multiplications. Not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.expert_weight import ExpertWeight
from sgl.kernels.triton.align import Aligned
from sgl.kernels.triton.codec import FP8, INT8, PLAIN
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant
from sgl.kernels.triton.widen import E4M3_UNIT, from_e4m3, from_int8

SCALE_BLOCK: Final = 128
"""Outputs, and inputs, that share a scale in checkpoints with FP8 blocks (DeepSeek-V3)."""
FP8_UNIT: Final = tl.constexpr(E4M3_UNIT)
UNSCALED: Final = 0
BY_OUTPUT: Final = 1
BY_BLOCK: Final = 2
"""Values of the constexpr argument SCALED."""
TOGETHER: Final = 8
"""Blocks of rows whose programs run side by side, so that an expert's weight is found in the second-level cache."""
TYPES: Final = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}


@dataclass(frozen=True, slots=True)
class Tile:
    """What a program computes at a time: ``rows`` x ``outputs``, over ``inputs`` in each step."""

    rows: int
    outputs: int
    inputs: int
    warps: int
    stages: int


SMALL: Final = Tile(16, 32, 32, 4, 1)
"""For the interpreter."""
FEW: Final = Tile(16, 64, 128, 4, 4)
MANY: Final = Tile(64, 128, 64, 4, 3)
MOST: Final = Tile(128, 128, 64, 8, 3)
FEW_UP_TO: Final = 32
MOST_FROM: Final = 256
"""Average rows of an expert. Chosen by counting, not measured: 16 rows waste least of a block that few rows share."""


def tile_of(pairs: int, experts: int, *, deterministic: bool, interpreted: bool = INTERPRETED) -> Tile:
    """Chooses by the average count of an expert's rows.

    Args:
        pairs: Rows of all experts.
        deterministic: One tile whatever the batch, so that a row's bits do not depend on it.
    """
    if interpreted:
        return SMALL
    if deterministic:
        return MANY
    average = pairs / experts
    if average <= FEW_UP_TO:
        return FEW
    return MANY if average < MOST_FROM else MOST


def expert_matmul(
    x: Tensor, weight: ExpertWeight, aligned: Aligned, tile: Tile, *, chosen: int, dependent: bool = False
) -> Tensor:
    """Multiplies rows by the weights of their experts.

    Args:
        x: float32, bfloat16 or float16 [pairs / chosen, inputs]: row ``pair // chosen`` is multiplied for ``pair``.
        aligned: Pairs sorted by expert, in blocks of ``tile.rows``.
        chosen: Pairs that share a row of ``x``: 1 where each has its own.
        dependent: Launched to start before the kernel in front of it has ended.

    Returns:
        [pairs, outputs] in the type of ``x``; rows of pairs that no expert computes are undefined.

    Raises:
        ValueError: Shapes or types do not fit.
    """
    _check(x, weight, aligned, tile, chosen)
    # Rows that nobody computes go through the activation, too: numpy warns of what overflows there, a GPU does not.
    allocate = torch.zeros if INTERPRETED else torch.empty
    out = allocate((aligned.pairs, weight.outputs), dtype=x.dtype, device=x.device)
    early = starts_early(x.device, dependent)
    blocks = len(aligned.expert_of_block)
    inputs = x.shape[1]
    if not blocks:
        return out
    scale, bias = weight.scale, weight.bias
    storage = _storage(weight.weight.dtype)
    _multiply[(blocks * triton.cdiv(weight.outputs, tile.outputs),)](
        x,
        # The kernel moves the bits of FP8 itself, so that GPUs that do not know it compute the same.
        weight.weight if storage == PLAIN else weight.weight.view(torch.int8),
        scale,
        bias,
        out,
        aligned.order,
        aligned.expert_of_block,
        aligned.padded_count,
        aligned.pairs,
        weight.outputs,
        inputs,
        x.stride(0),
        weight.weight.stride(0),
        weight.weight.stride(1),
        0 if scale is None else scale.stride(0),
        0 if scale is None else scale.stride(1),
        0 if bias is None else bias.stride(0),
        **_constants(tile, inputs, scale, storage),
        CHOSEN=chosen,
        OPERAND=tl.float32 if INTERPRETED else TYPES[x.dtype],
        DEPENDENT=early,
        num_warps=_warps(tile, scale is not None and scale.ndim == 3),
        num_stages=tile.stages,
        launch_pdl=early,
    )
    return out


def _check(x: Tensor, weight: ExpertWeight, aligned: Aligned, tile: Tile, chosen: int) -> None:
    kept, scale = weight.weight, weight.scale
    if x.dtype not in TYPES or (kept.dtype != x.dtype and _storage(kept.dtype) == PLAIN):
        raise ValueError(f"experts of {kept.dtype} cannot multiply rows of {x.dtype}")
    if x.shape[1] != kept.shape[2] or len(x) * chosen != aligned.pairs or aligned.block != tile.rows:
        raise ValueError(
            f"experts of {tuple(kept.shape)} cannot multiply rows of {tuple(x.shape)}, {chosen} pairs each, as"
            f" {aligned.pairs} pairs in blocks of {aligned.block}"
        )
    if (scale is None) != (kept.dtype == x.dtype):
        raise ValueError(f"experts of {kept.dtype} with scales: {scale is not None}")
    if x.stride(1) != 1 or kept.stride(2) != 1:
        raise ValueError("grouped products take rows and weights whose last dimension is contiguous")


def _warps(tile: Tile, by_block: bool) -> int:
    """Sums that are scaled block by block take registers: four warps of 16 rows spill on sm_100."""
    return max(tile.warps, 8) if by_block and tile.rows == FEW.rows else tile.warps


def _storage(dtype: torch.dtype) -> int:
    return {torch.float8_e4m3fn: FP8, torch.int8: INT8}.get(dtype, PLAIN)


def _constants(tile: Tile, inputs: int, scale: Tensor | None, storage: int) -> dict[str, object]:
    return {
        "ROWS": tile.rows,
        "OUTPUTS": tile.outputs,
        "INPUTS": tile.inputs,
        "WHOLE": inputs % tile.inputs == 0,
        "STREAMS": tile.rows == FEW.rows,
        "STORAGE": storage,
        "SCALED": UNSCALED if scale is None else BY_OUTPUT if scale.ndim == 2 else BY_BLOCK,
        "SCALE_BLOCK": SCALE_BLOCK,
        "TOGETHER": TOGETHER,
        "ASM": not INTERPRETED,
    }


@triton.jit(do_not_specialize=["pairs"])
def _multiply(
    x: tl.tensor,
    weight: tl.tensor,
    scale: tl.tensor,
    bias: tl.tensor,
    out: tl.tensor,
    order: tl.tensor,
    expert_of_block: tl.tensor,
    padded_count: tl.tensor,
    pairs: tl.tensor,
    outputs: tl.tensor,
    inputs: tl.tensor,
    x_stride: tl.tensor,
    expert_stride: tl.tensor,
    weight_stride: tl.tensor,
    scale_expert_stride: tl.tensor,
    scale_stride: tl.tensor,
    bias_stride: tl.tensor,
    ROWS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    INPUTS: tl.constexpr,
    WHOLE: tl.constexpr,
    STREAMS: tl.constexpr,
    STORAGE: tl.constexpr,
    SCALED: tl.constexpr,
    SCALE_BLOCK: tl.constexpr,
    TOGETHER: tl.constexpr,
    CHOSEN: tl.constexpr,
    OPERAND: tl.constexpr,
    ASM: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    parts = tl.cdiv(outputs, OUTPUTS)
    blocks = tl.num_programs(0) // parts
    program = tl.program_id(0)
    first = program // (TOGETHER * parts) * TOGETHER
    width = tl.minimum(blocks - first, TOGETHER)
    block = first + program % (TOGETHER * parts) % width
    part = program % (TOGETHER * parts) // width
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    if block * ROWS < tl.load(padded_count):
        expert = tl.load(expert_of_block + block).to(tl.int64)
        pair = tl.load(order + block * ROWS + tl.arange(0, ROWS))
        exists = pair < pairs
        column = part * OUTPUTS + tl.arange(0, OUTPUTS)
        wanted = column < outputs
        step = tl.arange(0, INPUTS)
        rows = x + (pair // CHOSEN).to(tl.int64)[:, None] * x_stride + step[None, :]
        # Products of at most 2**31 elements an expert: what is beyond is a stride of experts, in int64.
        weights = weight + expert * expert_stride + column[:, None] * weight_stride + step[None, :]
        scales = scale + expert * scale_expert_stride if SCALED != 0 else scale
        summed = tl.zeros((ROWS, OUTPUTS), dtype=tl.float32)
        for start in range(0, inputs, INPUTS):
            row_mask = exists[:, None]
            weight_mask = wanted[:, None]
            if not WHOLE:
                row_mask = row_mask & (start + step < inputs)[None, :]
                weight_mask = weight_mask & (start + step < inputs)[None, :]
            a = tl.load(rows, mask=row_mask, other=0.0).to(OPERAND)
            if STREAMS:
                b = tl.load(weights, mask=weight_mask, other=0, eviction_policy="evict_first")
            else:
                b = tl.load(weights, mask=weight_mask, other=0)
            if STORAGE == 2:
                b = from_e4m3(b, OPERAND, ASM)
            elif STORAGE == 1:
                b = from_int8(b, OPERAND)
            else:
                b = b.to(OPERAND)
            b = tl.trans(b)
            if SCALED == 2:
                at = column // SCALE_BLOCK * scale_stride + start // SCALE_BLOCK
                own = tl.load(scales + at, mask=wanted, other=0.0)
                summed += tl.dot(a, b, input_precision="ieee") * own[None, :]
            else:
                summed = tl.dot(a, b, summed, input_precision="ieee")
            rows += INPUTS
            weights += INPUTS
        if SCALED == 1:
            summed = summed * tl.load(scales + column, mask=wanted, other=0.0)[None, :]
        if STORAGE == 2:
            summed = summed * FP8_UNIT
        if bias is not None:
            own_bias = tl.load(bias + expert * bias_stride + column, mask=wanted, other=0.0)
            summed += own_bias.to(tl.float32)[None, :]
        at_pair = out + pair.to(tl.int64)[:, None] * outputs + column[None, :]
        tl.store(at_pair, summed.to(out.dtype.element_ty), mask=exists[:, None] & wanted[None, :])


def _variant(
    name: str, tile: Tile, *, storage: int = PLAIN, scaled: int = UNSCALED, bias: bool = False, chosen: int = 8
) -> Variant:
    kept = "*bf16" if storage == PLAIN else "*i8"
    tensors = {"x": "*bf16", "weight": kept, "scale": "*fp32", "bias": "*bf16", "out": "*bf16"}
    indices = dict.fromkeys(("order", "expert_of_block", "padded_count"), "*i32")
    sizes = ("pairs", "outputs", "inputs", "x_stride", "expert_stride", "weight_stride")
    strides = ("scale_expert_stride", "scale_stride", "bias_stride")
    absent = [name for name, there in (("scale", scaled), ("bias", bias)) if not there]
    return Variant(
        name=f"expert_matmul {name}",
        kernel=_multiply,
        signature={**tensors, **indices, **dict.fromkeys((*sizes, *strides), "i32")},
        constants={
            **_constants(tile, tile.inputs, None, storage),
            "SCALED": scaled,
            "CHOSEN": chosen,
            "OPERAND": tl.bfloat16,
            "DEPENDENT": True,
            **dict.fromkeys(absent),
        },
        divisible=("outputs", "inputs", "x_stride", "expert_stride", "weight_stride"),
        warps=_warps(tile, scaled == BY_BLOCK),
        stages=tile.stages,
        dependent=True,
        wide_loads=True,
        tensor_cores=True,
    )


VARIANTS: Final = (
    *(_variant(f"bf16 {tile.rows} rows", tile) for tile in (FEW, MANY, MOST)),
    _variant("bf16 own rows, bias", FEW, chosen=1, bias=True),
    *(
        _variant(f"{name} {tile.rows} rows", tile, storage=storage, scaled=scaled)
        for tile in (FEW, MANY)
        for name, storage, scaled in (
            ("fp8", FP8, BY_OUTPUT),
            ("fp8 blocks", FP8, BY_BLOCK),
            ("int8", INT8, BY_OUTPUT),
        )
    ),
)

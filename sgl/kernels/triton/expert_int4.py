"""Grouped products like `sgl.kernels.triton.expert_matmul`, of 4-bit weights in groups that share a scale (W4A16).

Weights are packed as `sgl.kernels.grouped` says, so a loaded word is four operands of products. Scales and zero points
meet sums over a group: ``(sum of code * x - zero * sum of x) * scale``. `sgl.kernels.twins.expert_matmul` is the plain
twin, on weights from `sgl.kernels.int4.dequantize`.

A decode step reads 4.25 or 4.5 bits a weight in groups of 128: for one token of Qwen3-30B-A3B 1 GB, 0.24 ms at
4.3 TB/s. Not run on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.expert_weight import PackedExperts
from sgl.kernels.grouped import CHUNK, PLANE
from sgl.kernels.triton.align import Aligned
from sgl.kernels.triton.expert_matmul import FEW, MANY, TOGETHER, Tile
from sgl.kernels.triton.int4 import planes_of
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant
from sgl.kernels.triton.widen import from_int4, int4_offset


def expert_int4(
    x: Tensor, weight: PackedExperts, aligned: Aligned, tile: Tile, *, chosen: int, dependent: bool = False
) -> Tensor:
    """See `sgl.kernels.triton.expert_matmul.expert_matmul`.

    Raises:
        ValueError: Shapes do not fit.
    """
    if x.shape[1] != weight.columns or len(x) * chosen != aligned.pairs or aligned.block != tile.rows:
        raise ValueError(
            f"experts of {weight.columns} inputs cannot multiply rows of {tuple(x.shape)}, {chosen} pairs each, as"
            f" {aligned.pairs} pairs in blocks of {aligned.block}"
        )
    allocate = torch.zeros if INTERPRETED else torch.empty
    out = allocate((aligned.pairs, weight.outputs), dtype=x.dtype, device=x.device)
    blocks = len(aligned.expert_of_block)
    if not blocks:
        return out
    early = starts_early(x.device, dependent)
    groups = weight.scale.shape[1]
    group = weight.columns // groups
    _multiply[(blocks * triton.cdiv(weight.outputs, tile.outputs),)](
        x,
        weight.words,
        weight.scale,
        weight.zero,
        weight.bias,
        out,
        aligned.order,
        aligned.expert_of_block,
        aligned.padded_count,
        aligned.pairs,
        weight.outputs,
        weight.columns,
        weight.words.shape[2],
        groups,
        group,
        x.stride(0),
        ROWS=tile.rows,
        OUTPUTS=tile.outputs,
        PLANES=planes_of(group, groups),
        PLANE=PLANE,
        WHOLE=weight.columns % CHUNK == 0,
        TOGETHER=TOGETHER,
        CHOSEN=chosen,
        WIDE=INTERPRETED or x.dtype == torch.float32,
        DEPENDENT=early,
        num_warps=tile.warps,
        num_stages=tile.stages,
        launch_pdl=early,
    )
    return out


@triton.jit(do_not_specialize=["pairs"])
def _multiply(
    x: tl.tensor,
    words: tl.tensor,
    scale: tl.tensor,
    zero: tl.tensor,
    bias: tl.tensor,
    out: tl.tensor,
    order: tl.tensor,
    expert_of_block: tl.tensor,
    padded_count: tl.tensor,
    pairs: tl.tensor,
    outputs: tl.tensor,
    columns: tl.tensor,
    width: tl.tensor,
    groups: tl.tensor,
    group: tl.tensor,
    x_stride: tl.tensor,
    ROWS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    PLANES: tl.constexpr,
    PLANE: tl.constexpr,
    WHOLE: tl.constexpr,
    TOGETHER: tl.constexpr,
    CHOSEN: tl.constexpr,
    WIDE: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    TYPE: tl.constexpr = tl.float32 if WIDE else x.dtype.element_ty
    OFF: tl.constexpr = 8.0 - int4_offset(TYPE, not WIDE)
    parts = tl.cdiv(outputs, OUTPUTS)
    blocks = tl.num_programs(0) // parts
    program = tl.program_id(0)
    first = program // (TOGETHER * parts) * TOGETHER
    across = tl.minimum(blocks - first, TOGETHER)
    block = first + program % (TOGETHER * parts) % across
    part = program % (TOGETHER * parts) // across
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    if block * ROWS < tl.load(padded_count):
        expert = tl.load(expert_of_block + block).to(tl.int64)
        pair = tl.load(order + block * ROWS + tl.arange(0, ROWS))
        exists = pair < pairs
        output = part * OUTPUTS + tl.arange(0, OUTPUTS)
        wanted = output < outputs
        lane = tl.arange(0, PLANE)
        rows = x + (pair // CHOSEN).to(tl.int64)[:, None] * x_stride + lane[None, :]
        packed = words + expert * outputs * width + output[:, None] * width + lane[None, :]
        scales = expert * groups * outputs + output
        total = tl.zeros((ROWS, OUTPUTS), tl.float32)
        for start in range(0, columns, 4 * PLANE):
            codes = tl.load(packed + start // 4, mask=wanted[:, None], other=0)
            numbers = from_int4(codes, TYPE, not WIDE)
            product = tl.zeros((ROWS, OUTPUTS), tl.float32)
            summed = tl.zeros((ROWS,), tl.float32)
            for plane in tl.static_range(4):
                here = start + plane * PLANE
                mask = exists[:, None]
                if not WHOLE:
                    mask = mask & (lane < columns - here)[None, :]
                a = tl.load(rows + here, mask=mask, other=0.0).to(TYPE)
                product = tl.dot(a, tl.trans(numbers[plane]), product, input_precision="ieee")
                if OFF != 0.0 or zero is not None:
                    summed += tl.sum(a.to(tl.float32), axis=1)
                if (plane + 1) % PLANES == 0:
                    at = scales + (tl.minimum(here, columns - 1) // group).to(tl.int64) * outputs
                    if zero is not None:
                        middle = tl.load(zero + at, mask=wanted, other=0.0) + OFF
                        product -= middle[None, :] * summed[:, None]
                    elif OFF != 0.0:
                        product -= OFF * summed[:, None]
                    total += product * tl.load(scale + at, mask=wanted, other=0.0)[None, :]
                    product = tl.zeros((ROWS, OUTPUTS), tl.float32)
                    summed = tl.zeros((ROWS,), tl.float32)
        if bias is not None:
            own_bias = tl.load(bias + expert * outputs + output, mask=wanted, other=0.0)
            total += own_bias.to(tl.float32)[None, :]
        at_pair = out + pair.to(tl.int64)[:, None] * outputs + output[None, :]
        tl.store(at_pair, total.to(out.dtype.element_ty), mask=exists[:, None] & wanted[None, :])


def _variant(name: str, tile: Tile, group: int, *, zeros: bool = False) -> Variant:
    tensors = {"x": "*bf16", "words": "*i16", "scale": "*fp32", "zero": "*fp32", "out": "*bf16"}
    indices = dict.fromkeys(("order", "expert_of_block", "padded_count"), "*i32")
    sizes = ("pairs", "outputs", "columns", "width", "groups", "group", "x_stride")
    if not zeros:
        del tensors["zero"]
    return Variant(
        name=f"expert_int4 {name} {tile.rows} rows g{group}",
        kernel=_multiply,
        signature={**tensors, **indices, **dict.fromkeys(sizes, "i32")},
        constants={
            "ROWS": tile.rows,
            "OUTPUTS": tile.outputs,
            "PLANES": planes_of(group, 2),
            "PLANE": PLANE,
            "WHOLE": True,
            "TOGETHER": TOGETHER,
            "CHOSEN": 8,
            "WIDE": False,
            "bias": None,
            **({} if zeros else {"zero": None}),
        },
        divisible=("outputs", "columns", "width", "x_stride", "group"),
        warps=tile.warps,
        stages=tile.stages,
        dependent=True,
        wide_loads=True,
        tensor_cores=True,
    )


VARIANTS: Final = (
    _variant("awq", FEW, 128, zeros=True),
    _variant("gptq", FEW, 128),
    _variant("gptq", FEW, 32),
    _variant("awq", MANY, 128, zeros=True),
)

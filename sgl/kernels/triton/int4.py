"""4-bit weights in groups that share a scale and a zero point, activations as they are (W4A16: AWQ, GPTQ).

Up to `SKINNY_ROWS` rows the kernel is `sgl.kernels.triton.skinny`'s with other fragments: what a thread loads in 16
bytes are 32 codes of one output, and every one of them is multiplied by that thread. For that a 16-bit word holds
four codes which are PLANE columns apart (`sgl.kernels.grouped`): words, shifted by 0, 4, 8 and 12 bits, are four
operands of a product in the layout that the words themselves were loaded in. Scales and zero points meet sums over a
group instead of weights, ``(sum of code * x - zero * sum of x) * scale``, so a code becomes a number in 0.9
instructions, and all that is done for it takes some 2.

For more rows the weight is expanded and multiplied by the library: from some 46 rows on an H200 computes for longer
than it reads.

Bytes: N * K / 2, and 4 or 8 per group and output: 4.25 or 4.5 bits a weight in groups of 128. Roofline at 4.3 TB/s of
an H200, 4096 x 28672: 14.5 us and 15.4 us, where bfloat16 takes 54.6 us. Not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.epilogue import Epilogue
from sgl.kernels.grouped import CHUNK, PLANE, PackedInt4
from sgl.kernels.triton.activation import apart
from sgl.kernels.triton.int4_expand import unpack_int4
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.nonlinear import epilogue_constants, feed_sums, paired
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant
from sgl.kernels.triton.widen import fetch_early, from_int4, int4_offset

SKINNY_ROWS: Final = 64
"""Rows up to which codes are multiplied as they are."""
LINE: Final = tl.constexpr(128)


@dataclass(frozen=True)
class Tile:
    """What one program works on.

    Attributes:
        rows: Of x.
        outputs: Of the weight.
        slices: Parts of a step's columns, each of CHUNK columns and a warp's.
        stages: Of loads.
    """

    rows: int
    outputs: int
    slices: int
    stages: int


def tile_of(
    rows: int, outputs: int, element: int, planes: int, *, fixed: bool = False, interpreted: bool = INTERPRETED
) -> Tile:
    """The tile for a product, by its shape alone; with ``fixed`` it is one for all counts of rows.

    The fewer bits a weight has, the more x weighs beside it: more rows ask for more outputs, which read x once.

    Args:
        rows: Of x.
        outputs: Of the weight.
        element: Bytes of an activation.
        planes: Of a chunk that share a scale; with more scales than one, more outputs need more registers than are.
    """
    if interpreted:
        return Tile(8, 32, 2, 2)
    if element > 2:
        return Tile(8, 16, 4, 3)
    if rows > 8 or fixed:
        return Tile(16, 32, 4, 4) if outputs < 8192 else Tile(16, 64, 4, 3)
    return (
        Tile(8, 16, 4, 6)
        if outputs < 4096 or planes == 1
        else Tile(8, 32, 4, 6)
        if outputs < 16384
        else Tile(8, 64, 4, 4)
    )


@triton.jit(do_not_specialize=["rows"])
def int4_product(
    x: tl.tensor,
    words: tl.tensor,
    scale: tl.tensor,
    zero: tl.tensor,
    bias: tl.tensor,
    out: tl.tensor,
    rows: tl.tensor,
    outputs: tl.tensor,
    columns: tl.tensor,
    width: tl.tensor,
    group: tl.tensor,
    x_stride: tl.tensor,
    out_stride: tl.tensor,
    PLANES: tl.constexpr,
    WHOLE: tl.constexpr,
    PLANE: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_M: tl.constexpr,
    SLICES: tl.constexpr,
    STAGES: tl.constexpr,
    ACTIVATION: tl.constexpr,
    GATED: tl.constexpr,
    WIDE: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """BLOCK_N outputs of BLOCK_M rows.

    Constants:
        PLANES: Of a chunk that surely share a scale: 4, 2 or 1.
        WHOLE: ``columns`` is a multiple of the columns of a step.
        ACTIVATION: Applied to the sums, with GATED as in `sgl.kernels.triton.nonlinear`; None leaves them.
        WIDE: Multiplies in float32, whatever the types.
    """
    TYPE: tl.constexpr = tl.float32 if WIDE else x.dtype.element_ty
    OFF: tl.constexpr = 8.0 - int4_offset(TYPE, not WIDE)
    n = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    own = paired(tl.minimum(n, outputs - 1), outputs, ACTIVATION, GATED)
    part = tl.arange(0, SLICES)
    lane = tl.arange(0, PLANE)
    word = part[:, None] * PLANE + lane[None, :]
    column = part[:, None] * (4 * PLANE) + lane[None, :]
    packed = words + own[None, :, None] * width + word[:, None, :]
    given = x + m[None, None, :].to(tl.int64) * x_stride + column[:, :, None]
    real = m[None, None, :] < rows

    ahead = tl.arange(0, 16) * (LINE // 2)
    fetch_early(words + own[:, None] * width + ahead[None, :], (ahead < width)[None, :], DEPENDENT)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)

    total = tl.zeros((SLICES, BLOCK_N, BLOCK_M), tl.float32)
    for start in tl.range(0, columns, SLICES * 4 * PLANE, num_stages=STAGES):
        if WHOLE:
            codes = tl.load(packed + start // 4, eviction_policy="evict_first")
        else:
            inside = word < width - start // 4
            codes = tl.load(packed + start // 4, mask=inside[:, None, :], other=0, eviction_policy="evict_first")
        numbers = from_int4(codes, TYPE, not WIDE)
        product = tl.zeros((SLICES, BLOCK_N, BLOCK_M), tl.float32)
        summed = tl.zeros((SLICES, 16, BLOCK_M), tl.float32)
        for plane in tl.static_range(4):
            here = start + plane * PLANE
            if WHOLE:
                rows_in = tl.load(given + here, mask=real, other=0.0, cache_modifier=".ca")
            else:
                known = real & (column < columns - here)[:, :, None]
                rows_in = tl.load(given + here, mask=known, other=0.0, cache_modifier=".ca")
            rows_in = rows_in.to(TYPE)
            product = tl.dot(numbers[plane], rows_in, product, input_precision="ieee")
            if OFF != 0.0 or zero is not None:
                # On tensor cores, which have time: 16 times the sums, in the layout of the product.
                summed = tl.dot(tl.full((SLICES, 16, PLANE), 1.0, TYPE), rows_in, summed, input_precision="ieee")
            if (plane + 1) % PLANES == 0:
                which = tl.minimum(here + part * (4 * PLANE), columns - 1) // group
                place = which[:, None].to(tl.int64) * outputs + own[None, :]
                if zero is not None:
                    sums = tl.sum(summed, axis=1) * 0.0625
                    product -= (tl.load(zero + place) + OFF)[:, :, None] * sums[:, None, :]
                elif OFF != 0.0:
                    product -= (tl.sum(summed, axis=1) * (0.0625 * OFF))[:, None, :]
                total += product * tl.load(scale + place)[:, :, None]
                product = tl.zeros((SLICES, BLOCK_N, BLOCK_M), tl.float32)
                summed = tl.zeros((SLICES, 16, BLOCK_M), tl.float32)

    result = tl.sum(total, axis=0)
    if bias is not None:
        result += tl.load(bias + own).to(tl.float32)[:, None]
    if ACTIVATION is not None:
        result = feed_sums(result, ACTIVATION, GATED)
        if GATED:
            n = tl.program_id(1).to(tl.int64) * (BLOCK_N // 2) + tl.arange(0, BLOCK_N // 2)
            outputs = outputs // 2
    places = out + m[None, :].to(tl.int64) * out_stride + n[:, None]
    tl.store(places, result.to(out.dtype.element_ty), mask=(m[None, :] < rows) & (n[:, None] < outputs))


def w4a16(
    x: Tensor,
    packed: PackedInt4,
    bias: Tensor | None = None,
    *,
    epilogue: Epilogue | None = None,
    fixed: bool = False,
    dependent: bool = False,
) -> Tensor:
    """``x @ W.T + bias``.

    Args:
        x: [rows, in_features] of the packed weight's type.
        packed: The weight.
        bias: [out_features] or None.
        epilogue: Applied to the results; for more than `SKINNY_ROWS` rows by a kernel of its own.
        fixed: One tile for all counts of rows: a row's bits depend on nothing but the row.
        dependent: See `sgl.kernels.triton.pdl`.

    Returns:
        [rows, out_features] in the type of ``x``, or half as many with a gated epilogue.
    """
    if packed.order is not None:
        x = x.index_select(-1, packed.order)
    if len(x) > SKINNY_ROWS and not fixed:
        return apart(F.linear(x, unpack_int4(packed), bias), epilogue, dependent=dependent)
    rows, columns = x.shape
    outputs, width = packed.words.shape
    results = outputs if epilogue is None else epilogue.width(outputs)
    out = torch.empty(rows, results, dtype=x.dtype, device=x.device)
    if not rows:
        return out
    planes = planes_of(packed.group, len(packed.scale))
    tile = tile_of(rows, outputs, x.itemsize, planes, fixed=fixed)
    early = starts_early(x.device, dependent)
    int4_product[(triton.cdiv(rows, tile.rows), triton.cdiv(outputs, tile.outputs))](
        x,
        packed.words,
        packed.scale,
        packed.zero,
        bias,
        out,
        rows,
        outputs,
        columns,
        width,
        packed.group,
        x.stride(0),
        out.stride(0),
        PLANES=planes,
        WHOLE=columns % (tile.slices * CHUNK) == 0,
        PLANE=PLANE,
        BLOCK_N=tile.outputs,
        BLOCK_M=tile.rows,
        SLICES=tile.slices,
        STAGES=tile.stages,
        **epilogue_constants(epilogue),
        WIDE=INTERPRETED or x.dtype == torch.float32,
        DEPENDENT=early,
        num_warps=tile.slices,
        launch_pdl=early,
    )
    return out


def planes_of(group: int, groups: int) -> int:
    """Planes of a chunk that surely share a scale."""
    return next(planes for planes in (4, 2, 1) if groups == 1 or group % (planes * PLANE) == 0)


_PRODUCT: Final = ("x", "words", "scale", "zero", "bias", "out")
_PRODUCT_NUMBERS: Final = ("rows", "outputs", "columns", "width", "group", "x_stride", "out_stride")
_TYPES: Final = {"words": "*i16", "scale": "*fp32", "zero": "*fp32"}
_SILU: Final = Epilogue("silu", gated=True)


def _product(
    case: str,
    rows: int,
    outputs: int,
    group: int = 128,
    *,
    element: str = "bf16",
    zeros: bool = False,
    whole: bool = True,
    fixed: bool = False,
    epilogue: Epilogue | None = None,
) -> Variant:
    planes = planes_of(group, 2)
    tile = tile_of(rows, outputs, 4 if element == "fp32" else 2, planes, fixed=fixed)
    missing = ("bias",) if zeros else ("bias", "zero")
    return Variant(
        name=f"int4 {case} {element} m{rows} n{outputs} g{group}",
        kernel=int4_product,
        signature={
            **{name: _TYPES.get(name, f"*{element}") for name in _PRODUCT if name not in missing},
            **dict.fromkeys(_PRODUCT_NUMBERS, "i32"),
        },
        constants={
            **dict.fromkeys(missing),
            "PLANES": planes,
            "WHOLE": whole,
            "PLANE": PLANE,
            "BLOCK_N": tile.outputs,
            "BLOCK_M": tile.rows,
            "SLICES": tile.slices,
            "STAGES": tile.stages,
            **epilogue_constants(epilogue),
            "WIDE": element == "fp32",
        },
        divisible=("outputs", "columns", "width", "group", "x_stride", "out_stride"),
        warps=tile.slices,
        dependent=True,
        wide_loads=True,
        tensor_cores=element != "fp32",
    )


VARIANTS: Final = (
    _product("gptq", 1, 4096),
    _product("awq", 1, 28672, zeros=True),
    _product("awq", 1, 2048, zeros=True),
    _product("gptq tail", 1, 4096, whole=False),
    _product("gptq", 1, 4096, 32),
    _product("awq", 1, 4096, 64, element="fp16", zeros=True),
    _product("awq", 16, 28672, zeros=True),
    _product("awq", 64, 4096, zeros=True),
    _product("gptq fixed", 1, 28672, fixed=True),
    _product("awq", 1, 4096, element="fp32", zeros=True),
    _product("gptq silu", 1, 28672, epilogue=_SILU),
    _product("awq silu", 1, 6144, zeros=True, epilogue=_SILU),
    _product("awq silu", 64, 28672, zeros=True, epilogue=_SILU),
)

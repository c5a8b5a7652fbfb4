"""Products in tiles of one shape and one order over columns, whatever the number of rows.

A library chooses tiles and splits by the number of rows, so a row's bits depend on its neighbours; here they do not,
which is what deterministic mode is. The same kernel multiplies 8-bit codes by 8-bit codes (`sgl.kernels.triton.fp8`,
`int8`), where nothing is split either.

Rows of x are the tall operand, so that wgmma takes both from shared memory. Programs of one block of rows follow each
other in groups of GROUP_ROWS blocks, which keeps what they share in the L2 cache. Rooflines on an H200: 790 TFLOP/s in
bfloat16; a kernel of this kind reaches some two thirds of that at best, and at few rows it reads weights with as many
programs as there are blocks of outputs: 64 for 4096. Not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import FIRST_FP8, Variant
from sgl.kernels.triton.widen import from_e4m3

PLAIN: Final = 0
FP8: Final = 1
INT8: Final = 2
"""Values of KIND: what both operands are stored as."""

GROUP_ROWS: Final = 8
"""Blocks of rows whose programs run side by side."""
SCALE_COLUMNS: Final = 128
"""Columns of a block of FP8 codes with one scale, and the columns after which sums of FP8 products are put away."""


@dataclass(frozen=True)
class Tile:
    """What one program works on, and how.

    Attributes:
        rows: Of x.
        outputs: Of the weight.
        columns: Of a step.
        warps: Of a program.
        stages: Of loads.
    """

    rows: int
    outputs: int
    columns: int
    warps: int
    stages: int


def tile_of(bits: int, *, interpreted: bool = INTERPRETED) -> Tile:
    """The one tile for elements of ``bits``: nothing else may have a say, or bits would depend on it."""
    if interpreted:
        return Tile(16, 64, 64, 4, 2)
    return Tile(64, 64, {8: 128, 16: 64, 32: 32}[bits], 4, 5)


def wide_tile(rows: int, columns: int, *, blocks: bool = False, interpreted: bool = INTERPRETED) -> Tile:
    """The tile for products of 8-bit codes, which may depend on the number of rows.

    Scales of ``blocks`` keep each step's product in registers beside the sum: half the outputs have room.
    """
    if interpreted:
        return Tile(32, 64, columns, 4, 2)
    if rows <= 64:
        return Tile(64, 64, columns, 4, 5)
    return Tile(128, 64 if blocks else 128, columns, 8, 3)


@triton.jit(do_not_specialize=["rows"])
def tile_product(
    x: tl.tensor,
    weight: tl.tensor,
    x_scale: tl.tensor,
    scale: tl.tensor,
    bias: tl.tensor,
    out: tl.tensor,
    rows: tl.tensor,
    outputs: tl.tensor,
    columns: tl.tensor,
    x_stride: tl.tensor,
    weight_stride: tl.tensor,
    x_scale_stride: tl.tensor,
    scale_stride: tl.tensor,
    out_stride: tl.tensor,
    KIND: tl.constexpr,
    BLOCKS: tl.constexpr,
    SCALE_COLUMNS: tl.constexpr,
    WHOLE: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    GROUP_ROWS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """One tile of ``x @ weight.T``, times scales of rows and outputs, or of blocks.

    Constants:
        KIND: `PLAIN`, `FP8` or `INT8`.
        BLOCKS: Scales are of SCALE_COLUMNS columns of x, and of as many outputs and columns of the weight.
        WHOLE: ``columns`` is a multiple of BLOCK_K.
        WIDE: Multiplies in float32, whatever the types.
    """
    row_blocks, output_blocks = tl.cdiv(rows, BLOCK_M), tl.cdiv(outputs, BLOCK_N)
    program = tl.program_id(0)
    together = GROUP_ROWS * output_blocks
    first = program // together * GROUP_ROWS
    height = tl.minimum(row_blocks - first, GROUP_ROWS)
    m = ((first + program % together % height) * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)
    n = (program % together // height * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)
    # Rows and outputs beyond the last one are the last one: only the store has a mask.
    own_m, own_n = tl.minimum(m, rows - 1), tl.minimum(n, outputs - 1)
    lane = tl.arange(0, BLOCK_K)
    given = x + own_m[:, None] * x_stride + lane[None, :]
    weights = weight + own_n[None, :] * weight_stride + lane[:, None]

    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.int32 if KIND == 2 else tl.float32)
    for start in tl.range(0, columns, BLOCK_K, num_stages=STAGES):
        if WHOLE:
            a, b = tl.load(given + start), tl.load(weights + start)
        else:
            inside = lane < columns - start
            a = tl.load(given + start, mask=inside[None, :], other=0)
            b = tl.load(weights + start, mask=inside[:, None], other=0)
        if KIND == 1:
            # Sums of FP8 products have 14 bits on Hopper: each step's are added in float32.
            if WIDE:
                product = tl.dot(from_e4m3(a, tl.float32, False), from_e4m3(b, tl.float32, False)) * 65536.0
            else:
                product = tl.dot(a.to(tl.float8e4nv, bitcast=True), b.to(tl.float8e4nv, bitcast=True))
            if BLOCKS:
                block = start // SCALE_COLUMNS
                of_rows = tl.load(x_scale + own_m * x_scale_stride + block)
                of_outputs = tl.load(scale + own_n // SCALE_COLUMNS * scale_stride + block)
                product *= of_rows[:, None] * of_outputs[None, :]
            total += product
        elif KIND == 2:
            total = tl.dot(a, b, total, out_dtype=tl.int32)
        elif WIDE:
            total = tl.dot(a.to(tl.float32), b.to(tl.float32), total, input_precision="ieee")
        else:
            total = tl.dot(a, b, total)

    result = total.to(tl.float32)
    if x_scale is not None and not BLOCKS:
        result *= tl.load(x_scale + own_m * x_scale_stride)[:, None] * tl.load(scale + own_n)[None, :]
    if bias is not None:
        result += tl.load(bias + own_n).to(tl.float32)[None, :]
    places = out + m[:, None] * out_stride + n[None, :]
    tl.store(places, result.to(out.dtype.element_ty), mask=(m[:, None] < rows) & (n[None, :] < outputs))


def tile_matmul(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, dependent: bool = False) -> Tensor:
    """``x @ weight.T + bias``; a row's bits depend on nothing but the row.

    Args:
        x: [rows, in_features] of a floating-point type.
        weight: [out_features, in_features] of the same type.
        bias: [out_features] or None.
        dependent: See `sgl.kernels.triton.pdl`.

    Returns:
        [rows, out_features] in the type of ``x``.
    """
    tile = tile_of(x.itemsize * 8)
    return launch_tiles(x, weight, PLAIN, tile, x.dtype, bias=bias, dependent=dependent)


def launch_tiles(
    x: Tensor,
    weight: Tensor,
    kind: int,
    tile: Tile,
    dtype: torch.dtype,
    *,
    x_scale: Tensor | None = None,
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    dependent: bool = False,
) -> Tensor:
    """Any of the kinds; see `tile_product`.

    Args:
        x: [rows, in_features] of a floating-point type, or int8 codes.
        weight: [out_features, in_features] likewise.
        kind: `PLAIN`, `FP8` or `INT8`.
        tile: See `Tile`.
        dtype: Of the result.
        x_scale: float32 [rows], or [rows, blocks]; None for `PLAIN`.
        scale: float32 [out_features], or [blocks, blocks]; None for `PLAIN`.
        bias: [out_features] or None.
        dependent: See `sgl.kernels.triton.pdl`.
    """
    rows, columns = x.shape
    outputs = len(weight)
    out = torch.empty(rows, outputs, dtype=dtype, device=x.device)
    if not rows:
        return out
    early = starts_early(x.device, dependent)
    tile_product[(triton.cdiv(rows, tile.rows) * triton.cdiv(outputs, tile.outputs),)](
        x,
        weight,
        x_scale,
        scale,
        bias,
        out,
        rows,
        outputs,
        columns,
        x.stride(0),
        weight.stride(0),
        0 if x_scale is None else x_scale.stride(0),
        0 if scale is None else scale.stride(0),
        out.stride(0),
        KIND=kind,
        BLOCKS=scale is not None and scale.dim() == 2,
        SCALE_COLUMNS=SCALE_COLUMNS,
        WHOLE=columns % tile.columns == 0,
        BLOCK_M=tile.rows,
        BLOCK_N=tile.outputs,
        BLOCK_K=tile.columns,
        GROUP_ROWS=GROUP_ROWS,
        STAGES=tile.stages,
        WIDE=INTERPRETED or (kind == PLAIN and x.dtype == torch.float32),
        DEPENDENT=early,
        num_warps=tile.warps,
        launch_pdl=early,
    )
    return out


_POINTERS: Final = ("x", "weight", "x_scale", "scale", "bias", "out")
_NUMBERS: Final = (
    *("rows", "outputs", "columns", "x_stride", "weight_stride", "x_scale_stride", "scale_stride", "out_stride"),
)


def tile_variant(
    case: str, kind: int, tile: Tile, *, element: str = "bf16", blocks: bool = False, whole: bool = True
) -> Variant:
    """One kind with one tile, for `VARIANTS` here and of other modules."""
    stored = f"*{element}" if kind == PLAIN else "*i8"
    types = {"x": stored, "weight": stored, "x_scale": "*fp32", "scale": "*fp32", "out": f"*{element}"}
    missing = ("bias", "x_scale", "scale") if kind == PLAIN else ("bias",)
    return Variant(
        name=f"tile {case} {element} {tile.rows}x{tile.outputs}x{tile.columns}",
        kernel=tile_product,
        signature={
            **{name: types[name] for name in _POINTERS if name not in missing},
            **dict.fromkeys(_NUMBERS, "i32"),
        },
        constants={
            **dict.fromkeys(missing),
            "KIND": kind,
            "BLOCKS": blocks,
            "SCALE_COLUMNS": SCALE_COLUMNS,
            "WHOLE": whole,
            "BLOCK_M": tile.rows,
            "BLOCK_N": tile.outputs,
            "BLOCK_K": tile.columns,
            "GROUP_ROWS": GROUP_ROWS,
            "STAGES": tile.stages,
            "WIDE": element == "fp32",
        },
        divisible=("outputs", "columns", "x_stride", "weight_stride", "out_stride"),
        warps=tile.warps,
        dependent=True,
        wide_loads=True,
        tensor_cores=element != "fp32",
        since=FIRST_FP8 if kind == FP8 else 80,
    )


VARIANTS: Final = (
    tile_variant("plain", PLAIN, tile_of(16)),
    tile_variant("plain tail", PLAIN, tile_of(16), whole=False),
    tile_variant("plain", PLAIN, tile_of(16), element="fp16"),
    tile_variant("plain", PLAIN, tile_of(32), element="fp32"),
)

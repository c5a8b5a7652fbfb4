"""``x @ weight.T`` for few rows, where reading the weight is all there is: decoding.

A program computes BLOCK_N outputs. Its four warps share the columns: each step takes SLICES parts of BLOCK_K columns,
one a warp, as one batched product on tensor cores (weights are the tall operand, the rows of x the 8 columns that an
instruction has at least), and the parts are summed at the end. So a program of few outputs has all its warps and
stages of loads in flight, and no second kernel sums partial results. Loads of weights go to shared memory 16 bytes at
a time, some stages ahead, past the caches (evict_first); x comes out of the L1 cache. Codes of 8 bits are widened in
registers, in the very fragment that a thread multiplies.

With an epilogue a program's outputs are pairs, a gate and what it multiplies, wherever these lie in the weight: so the
results of a pair meet in one program, and no kernel of its own computes the nonlinearity. Nothing is rounded between.

The result of a row depends on nothing but the row: neither on the others nor on their number.

Bytes: N * K weights, nearly all. Roofline at 4.3 TB/s of an H200, 4096 x 4096: 7.8 us in bfloat16, 3.9 us in 8 bits.
Not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
from torch import Tensor

from sgl.kernels.epilogue import Epilogue
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.nonlinear import epilogue_constants
from sgl.kernels.triton.pdl import starts_early
from sgl.kernels.triton.skinny_kernel import skinny_product
from sgl.kernels.triton.variant import Variant
from sgl.kernels.triton.widen import E4M3_UNIT

PLAIN: Final = 0
FP8: Final = 1
INT8: Final = 2
"""Values of KIND: what weights are stored as."""

SLICES: Final = 4
"""Parts of a step's columns, each a warp's."""
MOST_ROWS: Final = 8
"""Columns of the smallest product on tensor cores: what so many rows cost, one costs, too."""
ONE_GROUP: Final = 1 << 30
"""Columns of the group that a whole row is: more than any row has."""
STAGED: Final = 16 * 1024
STAGED_BY_OUTPUT: Final = 2 * 1024
"""Bytes of shared memory for loads: with 16 outputs, two programs fit where a multiprocessor has 100 KiB."""
MOST_STAGES: Final = 8


@dataclass(frozen=True)
class Tile:
    """What one program of a skinny product works on.

    Attributes:
        outputs: Of a program.
        columns: Of one slice and step.
        stages: Of loads, one of which is being worked on.
    """

    outputs: int
    columns: int
    stages: int


def tile_of(outputs: int, bits: int, group: int | None, *, interpreted: bool = INTERPRETED) -> Tile:
    """The tile for a weight, by its shape alone.

    Slices are 128 bytes wide, or as wide as a group that shares a scale. 32 outputs need x half as often as 16, but
    leave a small weight with fewer programs than an H200 has multiprocessors.

    Args:
        outputs: Of the weight.
        bits: Of one stored element.
        group: Columns that share a scale; None where a row has one or none.
    """
    columns = 64 if bits > 8 else 128
    if group is not None:
        columns = min(columns, group & -group)
    if interpreted:
        return Tile(32, min(columns, 64), 2)
    together = 32 if outputs >= (8192 if bits > 8 else 4096) else 16
    return Tile(together, columns, stages_of(together, columns, bits, max(2, bits // 8)))


def stages_of(outputs: int, columns: int, bits: int, element: int) -> int:
    """As many as shared memory has room for; one of them needs none, being in registers.

    Args:
        outputs: Of a program.
        columns: Of a slice.
        bits: Of a stored weight.
        element: Bytes of an activation.
    """
    step = SLICES * columns * (outputs * bits // 8 + MOST_ROWS * element)
    return min(MOST_STAGES, (STAGED + STAGED_BY_OUTPUT * outputs) // step + 1)


def skinny(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    epilogue: Epilogue | None = None,
    dependent: bool = False,
) -> Tensor:
    """``x @ weight.T + bias`` for few rows.

    Args:
        x: [rows, in_features] of a floating-point type; fast for up to `MOST_ROWS` rows.
        weight: [out_features, in_features] of the same type.
        bias: [out_features] or None.
        epilogue: Applied to the results.
        dependent: See `sgl.kernels.triton.pdl`; weights are fetched before the wait.

    Returns:
        [rows, out_features] in the type of ``x``, or half as many with a gated epilogue.
    """
    return launch_skinny(x, weight, PLAIN, bias=bias, epilogue=epilogue, dependent=dependent)


def skinny_fp8(
    x: Tensor,
    codes: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    block: int = 128,
    epilogue: Epilogue | None = None,
    dependent: bool = False,
) -> Tensor:
    """``x @ (codes * scale).T + bias``: weights of 8 bits, activations as they are (W8A16).

    Args:
        x: [rows, in_features] of a floating-point type.
        codes: float8_e4m3fn [out_features, in_features].
        scale: float32 [out_features], or one per block [ceil(out_features / block), ceil(in_features / block)].
        bias: [out_features] or None.
        block: Edge of a block with one scale, a power of two of at least 32.
        epilogue: See `skinny`.
        dependent: See `skinny`.
    """
    by_block = scale.dim() > 1
    return launch_skinny(
        x,
        codes.view(torch.int8),
        FP8,
        scale=scale,
        group=block if by_block else None,
        height=block if by_block else 1,
        unit=E4M3_UNIT,
        bias=bias,
        epilogue=epilogue,
        dependent=dependent,
    )


def skinny_int8(
    x: Tensor,
    codes: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    epilogue: Epilogue | None = None,
    dependent: bool = False,
) -> Tensor:
    """``x @ (codes * scale).T + bias``: weights of 8 bits, activations as they are (W8A16).

    Args:
        x: [rows, in_features] of a floating-point type.
        codes: int8 [out_features, in_features].
        scale: float32 [out_features].
        bias: [out_features] or None.
        epilogue: See `skinny`.
        dependent: See `skinny`.
    """
    return launch_skinny(x, codes, INT8, scale=scale, bias=bias, epilogue=epilogue, dependent=dependent)


def launch_skinny(
    x: Tensor,
    weight: Tensor,
    kind: int,
    *,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
    group: int | None = None,
    height: int = 1,
    unit: float = 1.0,
    bias: Tensor | None = None,
    epilogue: Epilogue | None = None,
    dependent: bool = False,
) -> Tensor:
    """Any of the kinds; see `skinny_product`.

    Args:
        x: [rows, in_features].
        weight: [out_features, in_features]: numbers, or int8 codes.
        kind: `PLAIN`, `FP8` or `INT8`.
        scale: float32 [out_features], or with ``group`` [out_features / height, in_features / group].
        zero: float32 like ``scale``, with ``group`` only: subtracted from codes.
        group: Columns that share a scale.
        height: Outputs that share a scale.
        unit: Of all scales.
        bias: [out_features] or None.
        epilogue: See `skinny`.
        dependent: See `skinny`.
    """
    rows, columns = x.shape
    outputs = len(weight)
    width = outputs if epilogue is None else epilogue.width(outputs)
    out = torch.empty(rows, width, dtype=x.dtype, device=x.device)
    if not rows:
        return out
    tile = tile_of(outputs, weight.dtype.itemsize * 8, group)
    early = starts_early(x.device, dependent)
    skinny_product[(triton.cdiv(rows, MOST_ROWS), triton.cdiv(outputs, tile.outputs))](
        x,
        weight,
        scale,
        zero,
        bias,
        out,
        rows,
        outputs,
        columns,
        x.stride(0),
        weight.stride(0),
        0 if scale is None else scale.stride(0),
        0 if scale is None or scale.dim() == 1 else scale.stride(1),
        out.stride(0),
        KIND=kind,
        GROUP=group,
        HEIGHT=height,
        UNIT=unit,
        WHOLE=columns % (SLICES * tile.columns) == 0,
        BLOCK_N=tile.outputs,
        BLOCK_M=MOST_ROWS,
        BLOCK_K=tile.columns,
        SLICES=SLICES,
        STAGES=tile.stages,
        **epilogue_constants(epilogue),
        WIDE=INTERPRETED or x.dtype == torch.float32,
        DEPENDENT=early,
        num_warps=SLICES,
        launch_pdl=early,
    )
    return out


_POINTERS: Final = ("x", "weight", "scale", "zero", "bias", "out")
_NUMBERS: Final = (
    *("rows", "outputs", "columns", "x_stride", "weight_stride", "scale_stride", "scale_step", "out_stride"),
)


def _variant(
    case: str,
    outputs: int,
    kind: int = PLAIN,
    *,
    element: str = "bf16",
    scaled: bool = False,
    zeros: bool = False,
    group: int | None = None,
    height: int = 1,
    bias: bool = False,
    whole: bool = True,
    epilogue: Epilogue | None = None,
) -> Variant:
    tile = tile_of(outputs, {"bf16": 16, "fp16": 16, "fp32": 32}[element] if kind == PLAIN else 8, group)
    types = {
        "x": f"*{element}",
        "weight": f"*{element}" if kind == PLAIN else "*i8",
        "scale": "*fp32",
        "zero": "*fp32",
        "bias": f"*{element}",
        "out": f"*{element}",
    }
    missing = [name for name, given in (("scale", scaled), ("zero", zeros), ("bias", bias)) if not given]
    return Variant(
        name=f"skinny {case} {element} n{outputs}",
        kernel=skinny_product,
        signature={name: types.get(name, "i32") for name in (*_POINTERS, *_NUMBERS) if name not in missing},
        constants={
            **dict.fromkeys(missing),
            "KIND": kind,
            "GROUP": group,
            "HEIGHT": height,
            "UNIT": E4M3_UNIT if kind == FP8 else 1.0,
            "WHOLE": whole,
            "BLOCK_N": tile.outputs,
            "BLOCK_M": MOST_ROWS,
            "BLOCK_K": tile.columns,
            "SLICES": SLICES,
            "STAGES": tile.stages,
            **epilogue_constants(epilogue),
            "WIDE": element == "fp32",
        },
        divisible=("outputs", "columns", "x_stride", "weight_stride", "out_stride"),
        warps=SLICES,
        dependent=True,
        registers=128,
        wide_loads=True,
        tensor_cores=element != "fp32",
    )


_SILU: Final = Epilogue("silu", gated=True)

VARIANTS: Final = (
    _variant("plain", 4096),
    _variant("plain bias", 6144, bias=True),
    _variant("plain", 28672),
    _variant("plain tail", 151936, whole=False),
    _variant("plain", 4096, element="fp16"),
    _variant("plain", 4096, element="fp32"),
    _variant("fp8 rows", 4096, FP8, scaled=True),
    _variant("fp8 rows", 2048, FP8, scaled=True),
    _variant("fp8 rows", 28672, FP8, element="fp16", scaled=True),
    _variant("fp8 blocks", 7168, FP8, scaled=True, group=128, height=128),
    _variant("int8 rows", 4096, INT8, scaled=True),
    _variant("int8 groups zeros", 4096, INT8, scaled=True, zeros=True, group=128),
    _variant("int8 groups 32", 4096, INT8, scaled=True, group=32),
    _variant("plain silu", 28672, epilogue=_SILU),
    _variant("plain silu", 6144, epilogue=_SILU),
    _variant("plain gelu_tanh", 30720, epilogue=Epilogue("gelu_tanh", gated=True)),
    _variant("plain clamped_silu", 5760, bias=True, whole=False, epilogue=Epilogue("clamped_silu", gated=True)),
    _variant("plain gelu alone", 3072, bias=True, epilogue=Epilogue("gelu", gated=False)),
    _variant("fp8 rows silu", 28672, FP8, scaled=True, epilogue=_SILU),
    _variant("fp8 blocks silu", 36864, FP8, scaled=True, group=128, height=128, epilogue=_SILU),
    _variant("int8 rows silu", 28672, INT8, scaled=True, epilogue=_SILU),
    _variant("int8 groups zeros silu", 28672, INT8, scaled=True, zeros=True, group=128, epilogue=_SILU),
)

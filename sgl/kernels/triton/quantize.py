"""Activations to 8 bits as they come: a scale for each token, or for each 128 of its elements.

Memory bounds it: read 2 bytes an element of bfloat16, write 1 (8192 tokens of 4096: 0.023 ms at 4.3 TB/s). A row is
read twice, once for its largest element, and the second time out of the cache. Where a norm or an activation comes
before, its kernel does this in the same pass. FP8 needs compute capability 89. Not run on a GPU.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.model import Activation
from sgl.kernels.triton.codes import inverse_of, magnitude, rounded, scale_of
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.nonlinear import feed
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import FIRST_FP8, Variant

WIDEST: Final = 4096
"""Elements of a row that a program works on at once."""
GROUP_ELEMENTS: Final = 1024
"""Elements of the groups that one program rounds."""


@triton.jit
def quantize_rows(
    x: tl.tensor,
    codes: tl.tensor,
    scale: tl.tensor,
    x_stride: tl.tensor,
    codes_stride: tl.tensor,
    inner: tl.tensor,
    ACTIVATION: tl.constexpr,
    FP8: tl.constexpr,
    CONVERTS: tl.constexpr,
    BLOCK: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """One row of what `feed` makes of ``x``, rounded to x's type before it is measured."""
    row = tl.program_id(0).to(tl.int64)
    given = x + row * x_stride
    await_inputs(DEPENDENT)
    largest = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, inner, BLOCK):
        part = feed(given, start, inner, ACTIVATION, ACTIVATION is not None, BLOCK)
        largest = tl.maximum(largest, magnitude(part.to(x.dtype.element_ty).to(tl.float32)))
    most = tl.max(largest, axis=0)
    tl.store(scale + row, scale_of(most, FP8))
    inverse = inverse_of(most, FP8)
    for start in range(0, inner, BLOCK):
        part = feed(given, start, inner, ACTIVATION, ACTIVATION is not None, BLOCK)
        units = part.to(x.dtype.element_ty).to(tl.float32) * inverse
        columns = start + tl.arange(0, BLOCK)
        tl.store(codes + row * codes_stride + columns, rounded(units, FP8, CONVERTS), mask=columns < inner)
    release_dependents(DEPENDENT)


@triton.jit
def quantize_groups(
    x: tl.tensor,
    codes: tl.tensor,
    scale: tl.tensor,
    x_stride: tl.tensor,
    codes_stride: tl.tensor,
    scale_stride: tl.tensor,
    width: tl.tensor,
    groups: tl.tensor,
    GROUP: tl.constexpr,
    GROUPS: tl.constexpr,
    CONVERTS: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """GROUPS groups of one row."""
    row = tl.program_id(0).to(tl.int64)
    group = tl.program_id(1) * GROUPS + tl.arange(0, GROUPS)
    columns = group[None, :] * GROUP + tl.arange(0, GROUP)[:, None]
    inside = columns < width
    await_inputs(DEPENDENT)
    given = tl.load(x + row * x_stride + columns, mask=inside, other=0.0).to(tl.float32)
    release_dependents(DEPENDENT)
    most = tl.max(magnitude(given), axis=0)
    tl.store(scale + row * scale_stride + group, scale_of(most, True), mask=group < groups)
    units = given * inverse_of(most, True)[None, :]
    tl.store(codes + row * codes_stride + columns, rounded(units, True, CONVERTS), mask=inside)


def row_block(inner: int) -> tuple[int, int]:
    """Elements of a row that a program takes at once, and warps: 16 elements a thread."""
    block: int = min(WIDEST, triton.next_power_of_2(inner))
    return block, max(1, block // 512)


def per_token_fp8(x: Tensor, *, dependent: bool = False) -> tuple[Tensor, Tensor]:
    """Each row's largest magnitude becomes 448, E4M3's largest number.

    Args:
        x: float [tokens, size], rows contiguous.
        dependent: See `sgl.kernels.triton.pdl`.

    Returns:
        float8_e4m3fn [tokens, size] and float32 scales [tokens]; the scale of a row with NaN or infinity is infinite.
    """
    return rows_in_codes(x, x.shape[1], torch.float8_e4m3fn, None, dependent)


def per_token_int8(x: Tensor, *, dependent: bool = False) -> tuple[Tensor, Tensor]:
    """Each row's largest magnitude becomes 127; codes are signed, other than `sgl.kernels.int8`'s.

    Returns:
        int8 [tokens, size] and float32 scales [tokens].
    """
    return rows_in_codes(x, x.shape[1], torch.int8, None, dependent)


def rows_in_codes(
    x: Tensor, inner: int, dtype: torch.dtype, activation: Activation | None, dependent: bool
) -> tuple[Tensor, Tensor]:
    """Rows of [tokens, ``inner``] in 8 bits, of ``x`` itself or of what a gated activation makes of it.

    Args:
        x: float [tokens, inner], or [tokens, 2 * inner] with an activation.
        dtype: float8_e4m3fn or int8.
    """
    tokens = len(x)
    codes = torch.empty(tokens, inner, dtype=dtype, device=x.device)
    scale = torch.empty(tokens, dtype=torch.float32, device=x.device)
    if not tokens:
        return codes, scale
    block, warps = row_block(inner)
    early = starts_early(x.device, dependent)
    quantize_rows[(tokens,)](
        x,
        codes.view(torch.int8),
        scale,
        x.stride(0),
        codes.stride(0),
        inner,
        ACTIVATION=activation,
        FP8=dtype == torch.float8_e4m3fn,
        CONVERTS=not INTERPRETED,
        BLOCK=block,
        DEPENDENT=early,
        num_warps=warps,
        launch_pdl=early,
    )
    return codes, scale


def per_group_fp8(x: Tensor, group: int = 128, *, dependent: bool = False) -> tuple[Tensor, Tensor]:
    """Each group's largest magnitude becomes 448.

    Args:
        x: float [tokens, size], rows contiguous.
        group: Elements side by side that share a scale, a power of two; the last group may have fewer.
        dependent: See `sgl.kernels.triton.pdl`.

    Returns:
        float8_e4m3fn [tokens, size] and float32 scales [tokens, ceil(size / group)].
    """
    tokens, width = x.shape
    groups = triton.cdiv(width, group)
    codes = torch.empty(x.shape, dtype=torch.float8_e4m3fn, device=x.device)
    scale = torch.empty(tokens, groups, dtype=torch.float32, device=x.device)
    if not tokens:
        return codes, scale
    together, warps = groups_together(groups, group)
    early = starts_early(x.device, dependent)
    quantize_groups[(tokens, triton.cdiv(groups, together))](
        x,
        codes.view(torch.int8),
        scale,
        x.stride(0),
        codes.stride(0),
        scale.stride(0),
        width,
        groups,
        GROUP=group,
        GROUPS=together,
        CONVERTS=not INTERPRETED,
        DEPENDENT=early,
        num_warps=warps,
        launch_pdl=early,
    )
    return codes, scale


def groups_together(groups: int, group: int) -> tuple[int, int]:
    """Groups of a program, and warps: 8 elements a thread."""
    together: int = min(max(1, GROUP_ELEMENTS // group), triton.next_power_of_2(groups))
    return together, max(1, together * group // 256)


def _rows(case: str, inner: int, *, fp8: bool, activation: Activation | None = None) -> Variant:
    block, warps = row_block(inner)
    constants: dict[str, Any] = {"ACTIVATION": activation, "FP8": fp8, "CONVERTS": True, "BLOCK": block}
    return Variant(
        name=f"quantize rows bf16 {case} {inner}",
        kernel=quantize_rows,
        signature={
            **{"x": "*bf16", "codes": "*i8", "scale": "*fp32"},
            **dict.fromkeys(("x_stride", "codes_stride", "inner"), "i32"),
        },
        constants=constants,
        divisible=("x_stride", "codes_stride", "inner"),
        warps=warps,
        dependent=True,
        wide_loads=True,
        since=FIRST_FP8 if fp8 else 80,
    )


def _groups(width: int) -> Variant:
    together, warps = groups_together(width // 128, 128)
    return Variant(
        name=f"quantize groups bf16 fp8 {width}",
        kernel=quantize_groups,
        signature={
            **{"x": "*bf16", "codes": "*i8", "scale": "*fp32"},
            **dict.fromkeys(("x_stride", "codes_stride", "scale_stride", "width", "groups"), "i32"),
        },
        constants={"GROUP": 128, "GROUPS": together, "CONVERTS": True},
        divisible=("x_stride", "codes_stride", "width"),
        warps=warps,
        dependent=True,
        wide_loads=True,
        since=FIRST_FP8,
    )


VARIANTS: Final = (
    _rows("fp8", 4096, fp8=True),
    _rows("fp8", 14336, fp8=True),
    _rows("int8", 4096, fp8=False),
    _rows("fp8 silu", 14336, fp8=True, activation="silu"),
    _rows("fp8 gelu tanh", 15360, fp8=True, activation="gelu_tanh"),
    _rows("fp8 clamped silu", 2880, fp8=True, activation="clamped_silu"),
    _groups(4096),
    _groups(7168),
)

"""The nonlinearity of a feed-forward block, gated or not, and with its result in FP8 (see `sgl.layers.activation`).

Memory bounds it: a token of Llama 3.1 8B reads 56 KiB and writes 28 KiB in bfloat16, 0.16 ms for 8192 tokens at
4.3 TB/s; FP8 writes half. Not run on a GPU.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.model import Activation
from sgl.kernels.epilogue import Epilogue
from sgl.kernels.triton.nonlinear import feed
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.quantize import rows_in_codes
from sgl.kernels.triton.variant import Variant


@triton.jit
def activate(
    x: tl.tensor,
    out: tl.tensor,
    x_stride: tl.tensor,
    out_stride: tl.tensor,
    inner: tl.tensor,
    ACTIVATION: tl.constexpr,
    GATED: tl.constexpr,
    BLOCK: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """BLOCK results of one row."""
    row = tl.program_id(0).to(tl.int64)
    start = tl.program_id(1) * BLOCK
    await_inputs(DEPENDENT)
    result = feed(x + row * x_stride, start, inner, ACTIVATION, GATED, BLOCK)
    release_dependents(DEPENDENT)
    columns = start + tl.arange(0, BLOCK)
    tl.store(out + row * out_stride + columns, result.to(out.dtype.element_ty), mask=columns < inner)


def block_of(inner: int) -> tuple[int, int]:
    """Results of a program, and warps: 8 a thread, 16 bytes of bfloat16, as far as the row goes."""
    block: int = min(1024, triton.next_power_of_2(inner))
    return block, max(1, block // 256)


def gated(x: Tensor, activation: Activation, *, out: Tensor | None = None, dependent: bool = False) -> Tensor:
    """``activation(gate) * linear``.

    Args:
        x: float [tokens, 2 * inner], rows contiguous: gate, then linear part; for ``clamped_silu`` they alternate.
        out: [tokens, inner] of x's type, to write to.
        dependent: See `sgl.kernels.triton.pdl`.

    Returns:
        [tokens, inner] of x's type, rounded once.
    """
    return _launch(x, x.shape[1] // 2, activation, True, out, dependent)


def activated(x: Tensor, activation: Activation, *, out: Tensor | None = None, dependent: bool = False) -> Tensor:
    """The activation of each element of float [tokens, inner]; ``clamped_silu`` is always gated."""
    return _launch(x, x.shape[1], activation, False, out, dependent)


def apart(x: Tensor, epilogue: Epilogue | None, *, dependent: bool = False) -> Tensor:
    """An epilogue as a kernel of its own, behind a product that has none; see `gated` and `activated`."""
    if epilogue is None:
        return x
    apply = gated if epilogue.gated else activated
    return apply(x, epilogue.activation, dependent=dependent)


def gated_fp8(x: Tensor, activation: Activation, *, dependent: bool = False) -> tuple[Tensor, Tensor]:
    """`gated`, then `sgl.kernels.triton.quantize.per_token_fp8` of its rounded result, with the same bits.

    Returns:
        float8_e4m3fn [tokens, inner] and float32 scales [tokens].
    """
    return rows_in_codes(x, x.shape[1] // 2, torch.float8_e4m3fn, activation, dependent)


def _launch(
    x: Tensor, inner: int, activation: Activation, is_gated: bool, out: Tensor | None, dependent: bool
) -> Tensor:
    tokens = len(x)
    out = torch.empty(tokens, inner, dtype=x.dtype, device=x.device) if out is None else out
    if not tokens:
        return out
    block, warps = block_of(inner)
    early = starts_early(x.device, dependent)
    activate[(tokens, triton.cdiv(inner, block))](
        x,
        out,
        x.stride(0),
        out.stride(0),
        inner,
        ACTIVATION=activation,
        GATED=is_gated,
        BLOCK=block,
        DEPENDENT=early,
        num_warps=warps,
        launch_pdl=early,
    )
    return out


def _variant(activation: Activation, inner: int, *, is_gated: bool = True) -> Variant:
    block, warps = block_of(inner)
    return Variant(
        name=f"activation bf16 {activation} {inner}{'' if is_gated else ' alone'}",
        kernel=activate,
        signature={"x": "*bf16", "out": "*bf16", **dict.fromkeys(("x_stride", "out_stride", "inner"), "i32")},
        constants={"ACTIVATION": activation, "GATED": is_gated, "BLOCK": block},
        divisible=("x_stride", "out_stride", "inner"),
        warps=warps,
        dependent=True,
        wide_loads=True,
    )


VARIANTS: Final = (
    _variant("silu", 14336),
    _variant("silu", 3072),
    _variant("gelu", 14336),
    _variant("gelu_tanh", 15360),
    _variant("clamped_silu", 2880),
    _variant("gelu_tanh", 14336, is_gated=False),
)

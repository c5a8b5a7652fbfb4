"""RMSNorm, alone or after an addition to the residual stream, and with its result in FP8 (see `sgl.layers.norm`).

One program takes a row and has all of it in registers, so memory is read and written once, and a row's bits do not
depend on its batch. Bytes of a token of Llama 3.1 8B in bfloat16: norm 16 KiB, with addition 32 KiB, so 8192 tokens
take 0.03 and 0.06 ms at 4.3 TB/s; for few tokens a launch is all there is. FP8 needs compute capability 89. Not run on
a GPU.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.model import NormKind
from sgl.kernels.triton.codes import inverse_of, magnitude, rounded, scale_of
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import FIRST_FP8, Variant

WIDEST: Final = 16384
"""Elements of a row that a program holds in registers: 32 a thread."""


@triton.jit
def inverse_rms(x: tl.tensor, width: tl.tensor, eps: tl.tensor) -> tl.tensor:
    """``1 / rms(x)`` along the first dimension of float32 [BLOCK, ...], of which ``width`` elements are not padding."""
    return tl.rsqrt(tl.sum(x * x, axis=0) / width + eps)


@triton.jit
def scaled(x: tl.tensor, inverse: tl.tensor, factor: tl.tensor, KIND: tl.constexpr, ELEMENT: tl.constexpr) -> tl.tensor:
    """The norm of ``x`` in float32, rounded to ELEMENT as often as the kind of norm wants it."""
    if KIND == "rms":
        # Llama's multiplies what has been rounded, in the model's own type.
        return ((x * inverse).to(ELEMENT).to(tl.float32) * factor).to(ELEMENT).to(tl.float32)
    elif KIND == "rms_float":
        return (x * inverse * factor).to(ELEMENT).to(tl.float32)
    else:
        tl.static_assert(KIND == "rms_plus_one")
        return (x * inverse * (1.0 + factor)).to(ELEMENT).to(tl.float32)


@triton.jit
def normalize(
    x: tl.tensor,
    added: tl.tensor,
    weight: tl.tensor,
    out: tl.tensor,
    scale: tl.tensor,
    x_stride: tl.tensor,
    added_stride: tl.tensor,
    out_stride: tl.tensor,
    width: tl.tensor,
    eps: tl.tensor,
    KIND: tl.constexpr,
    CONVERTS: tl.constexpr,
    BLOCK: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """One row. ``added`` and ``scale`` may be None: nothing is added; the result is not FP8."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    factor = tl.load(weight + columns, mask=inside, other=0.0).to(tl.float32)
    await_inputs(DEPENDENT)
    place = x + row * x_stride + columns
    given = tl.load(place, mask=inside, other=0.0).to(tl.float32)
    if added is not None:
        more = tl.load(added + row * added_stride + columns, mask=inside, other=0.0).to(tl.float32)
        total = (given + more).to(x.dtype.element_ty)
        tl.store(place, total, mask=inside)
        given = total.to(tl.float32)
    release_dependents(DEPENDENT)
    normed = scaled(given, inverse_rms(given, width, eps), factor, KIND, x.dtype.element_ty)
    if scale is not None:
        largest = tl.max(magnitude(normed), axis=0)
        tl.store(scale + row, scale_of(largest, True))
        codes = rounded(normed * inverse_of(largest, True), True, CONVERTS)
        tl.store(out + row * out_stride + columns, codes, mask=inside)
    else:
        tl.store(out + row * out_stride + columns, normed.to(x.dtype.element_ty), mask=inside)


def row_block(width: int) -> tuple[int, int]:
    """Elements of a block that holds a row, and warps: 8 elements a thread, 16 bytes of bfloat16, as far as it goes.

    Raises:
        ValueError: The row is longer than `WIDEST`.
    """
    if width > WIDEST:
        raise ValueError(f"rows of {width} elements do not fit into a program; {WIDEST} do")
    block: int = triton.next_power_of_2(width)
    return block, min(16, max(1, block // 256))


def rms_norm(
    x: Tensor, weight: Tensor, eps: float, kind: NormKind = "rms", *, out: Tensor | None = None, dependent: bool = False
) -> Tensor:
    """``x / rms(x) * weight`` of each row.

    Args:
        x: float [tokens, size], rows contiguous.
        weight: [size].
        kind: Any but ``layer``; see `sgl.layers.norm`.
        out: Like x, to write to.
        dependent: See `sgl.kernels.triton.pdl`.

    Returns:
        Of x's shape and type.
    """
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device) if out is None else out
    _launch(x, None, weight, out, None, eps, kind, dependent)
    return out


def add_rms_norm(
    hidden: Tensor,
    added: Tensor,
    weight: Tensor,
    eps: float,
    kind: NormKind = "rms",
    *,
    out: Tensor | None = None,
    dependent: bool = False,
) -> Tensor:
    """Adds to ``hidden``, in place, and returns the norm of the sum, which was rounded to ``hidden``'s type.

    Args:
        hidden: float [tokens, size].
        added: Like hidden.
    """
    out = torch.empty(hidden.shape, dtype=hidden.dtype, device=hidden.device) if out is None else out
    _launch(hidden, added, weight, out, None, eps, kind, dependent)
    return out


def rms_norm_fp8(
    x: Tensor, weight: Tensor, eps: float, kind: NormKind = "rms", *, dependent: bool = False
) -> tuple[Tensor, Tensor]:
    """`rms_norm`, then `sgl.kernels.triton.quantize.per_token_fp8` of its rounded result, with the same bits.

    Returns:
        float8_e4m3fn [tokens, size] and float32 scales [tokens].
    """
    return _launch_fp8(x, None, weight, eps, kind, dependent)


def add_rms_norm_fp8(
    hidden: Tensor, added: Tensor, weight: Tensor, eps: float, kind: NormKind = "rms", *, dependent: bool = False
) -> tuple[Tensor, Tensor]:
    """`add_rms_norm` with a result as `rms_norm_fp8` has it."""
    return _launch_fp8(hidden, added, weight, eps, kind, dependent)


def _launch_fp8(
    x: Tensor, added: Tensor | None, weight: Tensor, eps: float, kind: NormKind, dependent: bool
) -> tuple[Tensor, Tensor]:
    codes = torch.empty(x.shape, dtype=torch.float8_e4m3fn, device=x.device)
    scale = torch.empty(len(x), dtype=torch.float32, device=x.device)
    _launch(x, added, weight, codes.view(torch.int8), scale, eps, kind, dependent)
    return codes, scale


def _launch(
    x: Tensor,
    added: Tensor | None,
    weight: Tensor,
    out: Tensor,
    scale: Tensor | None,
    eps: float,
    kind: NormKind,
    dependent: bool,
) -> None:
    tokens, width = x.shape
    if not tokens:
        return
    block, warps = row_block(width)
    early = starts_early(x.device, dependent)
    normalize[(tokens,)](
        x,
        added,
        weight,
        out,
        scale,
        x.stride(0),
        0 if added is None else added.stride(0),
        out.stride(0),
        width,
        eps,
        KIND=kind,
        CONVERTS=not INTERPRETED,
        BLOCK=block,
        DEPENDENT=early,
        num_warps=warps,
        launch_pdl=early,
    )


def _variant(
    case: str, width: int, kind: NormKind, *, adds: bool, fp8: bool, element: str = "*bf16", dependent: bool = True
) -> Variant:
    block, warps = row_block(width)
    signature = {
        "x": element,
        "added": element,
        "weight": element,
        "out": "*i8" if fp8 else element,
        "scale": "*fp32",
        **dict.fromkeys(("x_stride", "added_stride", "out_stride", "width"), "i32"),
        "eps": "fp32",
    }
    constants: dict[str, Any] = {"KIND": kind, "CONVERTS": True, "BLOCK": block}
    if not adds:
        constants["added"] = None
    if not fp8:
        constants["scale"] = None
    return Variant(
        name=f"norm {case}",
        kernel=normalize,
        signature=signature,
        constants=constants,
        divisible=("x_stride", "added_stride", "out_stride", "width"),
        warps=warps,
        dependent=dependent,
        wide_loads=True,
        since=FIRST_FP8 if fp8 else 80,
    )


VARIANTS: Final = (
    _variant("bf16 4096", 4096, "rms", adds=False, fp8=False),
    _variant("bf16 4096 add", 4096, "rms", adds=True, fp8=False),
    _variant("bf16 4096 add fp8", 4096, "rms", adds=True, fp8=True),
    _variant("bf16 4096 fp8", 4096, "rms", adds=False, fp8=True),
    _variant("bf16 1024 add", 1024, "rms", adds=True, fp8=False),
    _variant("bf16 5120 add float", 5120, "rms_float", adds=True, fp8=False),
    _variant("bf16 3584 add plus one", 3584, "rms_plus_one", adds=True, fp8=False),
    _variant("bf16 16384 add fp8", 16384, "rms", adds=True, fp8=True),
)

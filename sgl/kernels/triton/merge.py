"""Two softmaxes over different keys become one: what a prefix that several sequences share is read for once.

Reads both results and writes one: 3 * tokens * heads * head_dim elements. Not run on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.paged import LN_2, LOG2_E, anchor, denominator
from sgl.kernels.triton.variant import Variant

ELEMENTS: Final = 4096
"""Of a program: several heads, so that each thread has 16 bytes and more to load."""
WARPS: Final = 4


def merge_states(
    first: Tensor,
    first_lse: Tensor,
    second: Tensor,
    second_lse: Tensor,
    *,
    out: Tensor | None = None,
    lse: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Merges two parts of attention. A sink belongs to one of them only.

    Args:
        first: [tokens, num_heads, head_dim], contiguous.
        first_lse: float32 [tokens, num_heads], contiguous, log-sum-exps in base e; -inf where it has seen no key.
        second: Like first.
        second_lse: Like first_lse.
        out: Written and returned; may be ``first`` or ``second``.
        lse: Likewise; may be one of those given.

    Returns:
        The result in first's type, zeros where neither has seen a key, and its log-sum-exps.

    Raises:
        ValueError: Shapes differ, or something is not contiguous.
    """
    if first.shape != second.shape or first_lse.shape != first.shape[:2] or second_lse.shape != first.shape[:2]:
        shapes = [tuple(tensor.shape) for tensor in (first, first_lse, second, second_lse)]
        raise ValueError(f"states to merge are [tokens, heads, head_dim] and [tokens, heads] twice, not {shapes}")
    out = torch.empty_like(first) if out is None else out
    lse = torch.empty_like(first_lse) if lse is None else lse
    if not all(tensor.is_contiguous() for tensor in (first, first_lse, second, second_lse, out, lse)):
        raise ValueError("states to merge are contiguous")
    rows, width = first_lse.numel(), first.shape[2]
    block = triton.next_power_of_2(width)
    per_program = max(1, ELEMENTS // block)
    if rows:
        _merge[(triton.cdiv(rows, per_program),)](
            first,
            first_lse,
            second,
            second_lse,
            out,
            lse,
            rows,
            WIDTH=width,
            ROWS=per_program,
            BLOCK=block,
            num_warps=WARPS,
        )
    return out, lse


@triton.jit(do_not_specialize=["rows"])
def _merge(
    first: tl.tensor,
    first_lse: tl.tensor,
    second: tl.tensor,
    second_lse: tl.tensor,
    out: tl.tensor,
    lse: tl.tensor,
    rows: tl.tensor,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    dims = tl.arange(0, BLOCK)
    real = row < rows
    place = row[:, None] * WIDTH + dims[None, :]
    mask = real[:, None] & (dims[None, :] < WIDTH)
    old = tl.load(first_lse + row, mask=real, other=float("-inf")) * LOG2_E
    new = tl.load(second_lse + row, mask=real, other=float("-inf")) * LOG2_E
    peak = tl.maximum(old, new)
    base = anchor(peak)
    old_weight = tl.exp2(old - base)
    new_weight = tl.exp2(new - base)
    total = denominator(old_weight + new_weight)
    share = 1.0 / total
    a = tl.load(first + place, mask=mask, other=0.0).to(tl.float32)
    b = tl.load(second + place, mask=mask, other=0.0).to(tl.float32)
    # A part without keys may hold anything.
    a = tl.where(old_weight[:, None] > 0.0, a * (old_weight * share)[:, None], 0.0)
    b = tl.where(new_weight[:, None] > 0.0, b * (new_weight * share)[:, None], 0.0)
    tl.store(out + place, (a + b).to(out.dtype.element_ty), mask=mask)
    tl.store(lse + row, (peak + tl.log2(total)) * LN_2, mask=real)


_TENSORS: Final = ("first", "first_lse", "second", "second_lse", "out", "lse")


def _variant(name: str, element: str, width: int) -> Variant:
    types = {tensor: "*fp32" if tensor.endswith("lse") else f"*{element}" for tensor in _TENSORS}
    block = triton.next_power_of_2(width)
    return Variant(
        name=f"merge_states {name}",
        kernel=_merge,
        signature={**types, "rows": "i32"},
        constants={"WIDTH": width, "ROWS": max(1, ELEMENTS // block), "BLOCK": block},
        warps=WARPS,
        registers=128,
        wide_loads=True,
    )


VARIANTS: Final = (
    _variant("bf16 d128", "bf16", 128),
    _variant("bf16 d96", "bf16", 96),
    _variant("fp32 d64", "fp32", 64),
)

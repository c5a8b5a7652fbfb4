"""The weighted sum of a token's experts, in the order of the experts' numbers, whatever order they were chosen in.

That order is the token's own, so its bits do not depend on who shares the batch (`sgl.layers.experts.sum_by_order`).
`sgl.kernels.twins.combine` is the plain twin.

Reads each result once: 8 experts of DeepSeek V3 114 KB a token in bfloat16. Not run on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant

BLOCK: Final = 1024
"""Elements of a program: 16 bytes of bfloat16 a thread."""
NOBODY: Final = tl.constexpr(1 << 30)
"""A number behind those of all experts."""


def combine(
    results: Tensor, weights: Tensor, chosen: Tensor, *, out: Tensor | None = None, dependent: bool = False
) -> Tensor:
    """Adds up what each token's experts computed.

    Args:
        results: [tokens * chosen, hidden_size], contiguous; rows whose expert is negative are not read.
        weights: float32 [tokens, chosen], contiguous.
        chosen: int32 [tokens, chosen], contiguous.
        out: [tokens, hidden_size] of any floating type; allocated in the type of ``results`` where it is None.
        dependent: Launched to start before the kernel in front of it has ended.

    Returns:
        ``out``: the sum in float32, rounded once; 0 for a token that has no expert.
    """
    tokens, count = chosen.shape
    hidden = results.shape[1]
    out = torch.empty((tokens, hidden), dtype=results.dtype, device=results.device) if out is None else out
    if not tokens:
        return out
    early = starts_early(results.device, dependent)
    block = min(BLOCK, triton.next_power_of_2(hidden))
    _combine[(tokens, triton.cdiv(hidden, block))](
        results,
        weights,
        chosen,
        out,
        hidden,
        out.stride(0),
        CHOSEN=count,
        BLOCK_CHOSEN=triton.next_power_of_2(count),
        BLOCK=block,
        DEPENDENT=early,
        num_warps=4,
        launch_pdl=early,
    )
    return out


@triton.jit
def _combine(
    results: tl.tensor,
    weights: tl.tensor,
    chosen: tl.tensor,
    out: tl.tensor,
    hidden: tl.tensor,
    out_stride: tl.tensor,
    CHOSEN: tl.constexpr,
    BLOCK_CHOSEN: tl.constexpr,
    BLOCK: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    choice = tl.arange(0, BLOCK_CHOSEN)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    # The product of experts' numbers and places tells equal numbers apart: they are added in the order of choice.
    expert = tl.load(chosen + token * CHOSEN + choice, mask=choice < CHOSEN, other=NOBODY)
    weight = tl.load(weights + token * CHOSEN + choice, mask=choice < CHOSEN, other=0.0)
    key = expert.to(tl.int64) * BLOCK_CHOSEN + choice
    rank = tl.sum((key[None, :] < key[:, None]).to(tl.int32), axis=1)
    summed = tl.zeros((BLOCK,), dtype=tl.float32)
    for i in tl.static_range(CHOSEN):
        own = rank == i
        row = token * CHOSEN + tl.sum(tl.where(own, choice, 0), axis=0)
        # A row that nobody computed holds anything, also what is not finite.
        end = tl.where(tl.sum(tl.where(own, expert, 0), axis=0) >= 0, hidden, 0)
        factor = tl.sum(tl.where(own, weight, 0.0), axis=0)
        result = tl.load(results + row * hidden + column, mask=column < end, other=0.0)
        summed += result.to(tl.float32) * factor
    tl.store(out + token * out_stride + column, summed.to(out.dtype.element_ty), mask=column < hidden)


def _variant(name: str, chosen: int) -> Variant:
    return Variant(
        name=f"combine bf16 {name}",
        kernel=_combine,
        signature={
            "results": "*bf16",
            "weights": "*fp32",
            "chosen": "*i32",
            "out": "*bf16",
            "hidden": "i32",
            "out_stride": "i32",
        },
        constants={"CHOSEN": chosen, "BLOCK_CHOSEN": triton.next_power_of_2(chosen), "BLOCK": BLOCK},
        divisible=("hidden", "out_stride"),
        dependent=True,
        wide_loads=True,
    )


VARIANTS: Final = (_variant("of 8", 8), _variant("of 6", 6))

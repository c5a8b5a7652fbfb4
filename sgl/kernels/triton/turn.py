"""Norm and rotation of heads inside kernels.

An element's partner in the rotation is loaded beside it, out of the cache: no exchange between threads is needed, and
one way serves both layouts of pairs and heads of which a part is rotated.
"""

from __future__ import annotations

import triton
import triton.language as tl

from sgl.kernels.triton.norm import inverse_rms, scaled
from sgl.kernels.triton.pdl import await_inputs


@triton.jit
def turned(
    row: tl.tensor,
    head: tl.tensor,
    heads: tl.constexpr,
    weight: tl.tensor,
    cos: tl.tensor,
    sin: tl.tensor,
    positions: tl.tensor,
    token: tl.tensor,
    table_stride: tl.tensor,
    eps: tl.tensor,
    DIM: tl.constexpr,
    ROTARY: tl.constexpr,
    KIND: tl.constexpr,
    INTERLEAVED: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> tl.tensor:
    """Heads of q or k, normed and rotated: float32 [WIDTH, HEADS], rounded to the type of ``row``, 0 in padding.

    Args:
        row: Points to the token's first head.
        head: Whole numbers [HEADS]; those from ``heads`` on are padding.
        ROTARY: Elements that are rotated, the first ones of a head; 0 is none.
        KIND: Of the norm; None is none.
    """
    ELEMENT: tl.constexpr = row.dtype.element_ty
    lane = tl.arange(0, WIDTH)
    if INTERLEAVED:
        partner = tl.where(lane < ROTARY, lane ^ 1, lane)
        angle = lane // 2
        first = lane % 2 == 0
    else:
        partner = tl.where(lane < ROTARY // 2, lane + ROTARY // 2, lane - ROTARY // 2)
        partner = tl.where(lane < ROTARY, partner, lane)
        angle = tl.where(lane < ROTARY // 2, lane, lane - ROTARY // 2)
        first = lane < ROTARY // 2
    if KIND is not None:
        factor = tl.load(weight + lane, mask=lane < DIM, other=0.0).to(tl.float32)[:, None]
        if ROTARY:
            partner_factor = tl.load(weight + partner, mask=lane < DIM, other=0.0).to(tl.float32)[:, None]
    await_inputs(DEPENDENT)
    start = head[None, :] * DIM
    inside = (lane[:, None] < DIM) & (head[None, :] < heads)
    x = tl.load(row + start + lane[:, None], mask=inside, other=0.0).to(tl.float32)
    if KIND is not None:
        inverse = inverse_rms(x, DIM, eps)[None, :]
        x = scaled(x, inverse, factor, KIND, ELEMENT)
    if ROTARY:
        other = tl.load(row + start + partner[:, None], mask=inside, other=0.0).to(tl.float32)
        if KIND is not None:
            other = scaled(other, inverse, partner_factor, KIND, ELEMENT)
        entry = tl.load(positions + token) * table_stride + angle
        cosine = tl.load(cos + entry, mask=lane < ROTARY, other=1.0)
        sine = tl.load(sin + entry, mask=lane < ROTARY, other=0.0)
        sine = tl.where(first, -sine, sine)
        x = x * cosine[:, None] + other * sine[:, None]
    return x.to(ELEMENT).to(tl.float32)

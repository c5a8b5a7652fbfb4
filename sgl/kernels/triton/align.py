"""Tokens sorted by expert, so that each block of rows of a grouped product has one expert's weight.

The pairs (token, choice) are numbered ``token * chosen + choice``. Each expert's pairs come in the order of their
numbers and are filled up to whole blocks. Nothing is counted with atomics, so the order is the same in every run.

Few pairs take one kernel: each expert's program counts all pairs for itself. Many take three: counts of pieces, where
each expert of each piece starts, and the places. `sgl.kernels.twins.align` is the plain twin.

Reads the choices once for each expert, or piece by piece (4 bytes a pair, from the second-level cache), and writes 4
bytes a place; not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant

FEW_PAIRS: Final = 4096
"""Up to here one kernel is taken: 512 tokens of 8 experts each."""
CHUNK: Final = 1024
"""Pairs that an expert's program looks at together."""
PIECE: Final = 256
"""Pairs of a program that places many."""
PART: Final = 32
"""Pairs that each of a piece is compared with at a time: 64 comparisons a thread."""
ROWS: Final = 16
COLUMN: Final = 128
"""Pieces whose counts are read together, of all experts and of one."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Where the rows of a grouped product come from; sizes are bounds that the host knows.

    Attributes:
        order: int32 [places]: the number of a pair, or the count of pairs where there is none. Undefined from
            ``padded_count`` on.
        expert_of_block: int32 [places / block]: whose weight a block of places meets. Undefined from
            ``padded_count / block`` on.
        padded_count: int32 [1]: places in use, a multiple of ``block``.
        block: Rows of a block.
        pairs: Count of pairs.
    """

    order: Tensor
    expert_of_block: Tensor
    padded_count: Tensor
    block: int
    pairs: int


def blocks_bound(pairs: int, experts: int, block: int) -> int:
    """Most blocks that ``pairs`` can take: each expert that has any wastes less than one."""
    used = min(experts, pairs)
    return (pairs + used * (block - 1)) // block


def align(chosen: Tensor, experts: int, block: int, *, dependent: bool = False) -> Aligned:
    """Sorts pairs by expert.

    Args:
        chosen: int32 or int64 [tokens, chosen], contiguous; a number below 0 is a pair that nobody computes.
        experts: Their count.
        block: Rows of a block, a power of two.
        dependent: Launched to start before the kernel in front of it has ended; for few pairs alone.
    """
    pairs = chosen.numel()
    blocks = blocks_bound(pairs, experts, block)
    device = chosen.device
    order = torch.empty(blocks * block, dtype=torch.int32, device=device)
    expert_of_block = torch.empty(blocks, dtype=torch.int32, device=device)
    padded_count = torch.empty(1, dtype=torch.int32, device=device)
    aligned = Aligned(order, expert_of_block, padded_count, block, pairs)
    if not pairs:
        padded_count.zero_()
    elif pairs <= FEW_PAIRS:
        early = starts_early(device, dependent)
        _align_few[(experts,)](
            chosen,
            order,
            expert_of_block,
            padded_count,
            pairs,
            BLOCK=block,
            EXPERTS=experts,
            BLOCK_EXPERTS=_padded(experts),
            CHUNK=_chunk(pairs),
            DEPENDENT=early,
            num_warps=4,
            launch_pdl=early,
        )
    else:
        _align_many(chosen, experts, aligned)
    return aligned


def _align_many(chosen: Tensor, experts: int, aligned: Aligned) -> None:
    pieces = triton.cdiv(aligned.pairs, PIECE)
    counts, starts = torch.empty((2, pieces, experts), dtype=torch.int32, device=chosen.device)
    _count[(pieces,)](
        chosen,
        counts,
        aligned.pairs,
        EXPERTS=experts,
        BLOCK_EXPERTS=_padded(experts),
        PIECE=PIECE,
        num_warps=4,
    )
    _start[(experts,)](
        counts,
        starts,
        aligned.order,
        aligned.expert_of_block,
        aligned.padded_count,
        aligned.pairs,
        pieces,
        BLOCK=aligned.block,
        EXPERTS=experts,
        BLOCK_EXPERTS=_padded(experts),
        ROWS=ROWS,
        COLUMN=COLUMN,
        num_warps=4,
    )
    _place[(pieces,)](
        chosen, starts, aligned.order, aligned.pairs, EXPERTS=experts, PIECE=PIECE, PART=PART, num_warps=4
    )


def _chunk(pairs: int) -> int:
    """As few sizes as do: each is compiled."""
    return next(size for size in (64, 256, CHUNK) if pairs <= size or size == CHUNK)


def _padded(experts: int) -> int:
    """Bins of a histogram, one a thread at least."""
    bins: int = triton.next_power_of_2(experts)
    return max(128, bins)


@triton.jit(do_not_specialize=["pairs"])
def _align_few(
    chosen: tl.tensor,
    order: tl.tensor,
    expert_of_block: tl.tensor,
    padded_count: tl.tensor,
    pairs: tl.tensor,
    BLOCK: tl.constexpr,
    EXPERTS: tl.constexpr,
    BLOCK_EXPERTS: tl.constexpr,
    CHUNK: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    own = tl.program_id(0)
    expert = tl.arange(0, BLOCK_EXPERTS)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    counts = tl.zeros((BLOCK_EXPERTS,), dtype=tl.int32)
    for first in range(0, pairs, CHUNK):
        numbers = _numbers(chosen, first, pairs, CHUNK)
        counts += tl.histogram(tl.maximum(numbers, 0), BLOCK_EXPERTS, mask=numbers >= 0)
    start, count = _open(counts, own, expert, order, expert_of_block, padded_count, pairs, BLOCK, EXPERTS)
    if count > 0:
        place = order + start
        for first in range(0, pairs, CHUNK):
            mine = (_numbers(chosen, first, pairs, CHUNK) == own).to(tl.int32)
            pair = first + tl.arange(0, CHUNK)
            tl.store(place + tl.cumsum(mine, axis=0) - 1, pair, mask=mine > 0)
            place += tl.sum(mine, axis=0)


@triton.jit
def _numbers(chosen: tl.tensor, first: tl.tensor, pairs: tl.tensor, COUNT: tl.constexpr) -> tl.tensor:
    """int32 [COUNT]: the experts of pairs from ``first`` on, -1 where there is none."""
    pair = first + tl.arange(0, COUNT)
    return tl.load(chosen + pair, mask=pair < pairs, other=-1).to(tl.int32)


@triton.jit
def _open(
    counts: tl.tensor,
    own: tl.tensor,
    expert: tl.tensor,
    order: tl.tensor,
    expert_of_block: tl.tensor,
    padded_count: tl.tensor,
    pairs: tl.tensor,
    BLOCK: tl.constexpr,
    EXPERTS: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """First place and count of ``own``, of every expert's counts; names its blocks and fills up its last one."""
    padded = (counts + BLOCK - 1) // BLOCK * BLOCK
    start = tl.sum(tl.where(expert < own, padded, 0), axis=0)
    count = tl.sum(tl.where(expert == own, counts, 0), axis=0)
    if own == EXPERTS - 1:
        tl.store(padded_count, tl.sum(padded, axis=0))
    within = tl.arange(0, BLOCK)
    if count % BLOCK != 0:
        at = start + count // BLOCK * BLOCK + within
        tl.store(order + at, tl.zeros((BLOCK,), dtype=tl.int32) + pairs, mask=at >= start + count)
    for block in range(start // BLOCK, (start + count + BLOCK - 1) // BLOCK):
        tl.store(expert_of_block + block, own)
    return start, count


@triton.jit(do_not_specialize=["pairs"])
def _count(
    chosen: tl.tensor,
    counts: tl.tensor,
    pairs: tl.tensor,
    EXPERTS: tl.constexpr,
    BLOCK_EXPERTS: tl.constexpr,
    PIECE: tl.constexpr,
) -> None:
    """Writes [pieces, experts]: pairs of each expert in each piece."""
    piece = tl.program_id(0)
    expert = tl.arange(0, BLOCK_EXPERTS)
    numbers = _numbers(chosen, piece * PIECE, pairs, PIECE)
    own = tl.histogram(tl.maximum(numbers, 0), BLOCK_EXPERTS, mask=numbers >= 0)
    tl.store(counts + piece * EXPERTS + expert, own, mask=expert < EXPERTS)


@triton.jit(do_not_specialize=["pairs", "pieces"])
def _start(
    counts: tl.tensor,
    starts: tl.tensor,
    order: tl.tensor,
    expert_of_block: tl.tensor,
    padded_count: tl.tensor,
    pairs: tl.tensor,
    pieces: tl.tensor,
    BLOCK: tl.constexpr,
    EXPERTS: tl.constexpr,
    BLOCK_EXPERTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMN: tl.constexpr,
) -> None:
    """Writes [pieces, experts]: the place of the first pair of an expert in a piece."""
    own = tl.program_id(0)
    expert = tl.arange(0, BLOCK_EXPERTS)
    totals = tl.zeros((BLOCK_EXPERTS,), dtype=tl.int32)
    for first in range(0, pieces, ROWS):
        piece = first + tl.arange(0, ROWS)
        at = piece[:, None] * EXPERTS + expert[None, :]
        exists = (piece[:, None] < pieces) & (expert[None, :] < EXPERTS)
        totals += tl.sum(tl.load(counts + at, mask=exists, other=0), axis=0)
    place, count = _open(totals, own, expert, order, expert_of_block, padded_count, pairs, BLOCK, EXPERTS)
    if count > 0:
        for first in range(0, pieces, COLUMN):
            piece = first + tl.arange(0, COLUMN)
            column = tl.load(counts + piece * EXPERTS + own, mask=piece < pieces, other=0)
            tl.store(starts + piece * EXPERTS + own, place + tl.cumsum(column, axis=0) - column, mask=piece < pieces)
            place += tl.sum(column, axis=0)


@triton.jit(do_not_specialize=["pairs"])
def _place(
    chosen: tl.tensor,
    starts: tl.tensor,
    order: tl.tensor,
    pairs: tl.tensor,
    EXPERTS: tl.constexpr,
    PIECE: tl.constexpr,
    PART: tl.constexpr,
) -> None:
    """Puts the pairs of a piece where they belong: behind those before them that have the same expert."""
    piece = tl.program_id(0)
    within = tl.arange(0, PIECE)
    numbers = _numbers(chosen, piece * PIECE, pairs, PIECE)
    before = tl.zeros((PIECE,), dtype=tl.int32)
    for first in range(0, PIECE, PART):
        others = _numbers(chosen, piece * PIECE + first, pairs, PART)
        earlier = (first + tl.arange(0, PART))[None, :] < within[:, None]
        before += tl.sum((earlier & (others[None, :] == numbers[:, None])).to(tl.int32), axis=1)
    start = tl.load(starts + piece * EXPERTS + numbers, mask=numbers >= 0, other=0)
    tl.store(order + start + before, piece * PIECE + within, mask=numbers >= 0)


def _variant(kernel: Any, tensors: tuple[str, ...], scalars: tuple[str, ...], **constants: int) -> Variant:
    dependent = kernel is _align_few
    return Variant(
        name=f"{kernel.__name__[1:]} of {constants['EXPERTS']} experts",
        kernel=kernel,
        signature={**dict.fromkeys(tensors, "*i32"), **dict.fromkeys(scalars, "i32")},
        constants={**constants, **({"DEPENDENT": True} if dependent else {})},
        dependent=dependent,
    )


_RESULTS: Final = ("order", "expert_of_block", "padded_count")
VARIANTS: Final = (
    _variant(_align_few, ("chosen", *_RESULTS), ("pairs",), BLOCK=16, EXPERTS=128, BLOCK_EXPERTS=128, CHUNK=CHUNK),
    _variant(_align_few, ("chosen", *_RESULTS), ("pairs",), BLOCK=16, EXPERTS=256, BLOCK_EXPERTS=256, CHUNK=CHUNK),
    _variant(_count, ("chosen", "counts"), ("pairs",), EXPERTS=256, BLOCK_EXPERTS=256, PIECE=PIECE),
    _variant(
        _start,
        ("counts", "starts", *_RESULTS),
        ("pairs", "pieces"),
        BLOCK=64,
        EXPERTS=256,
        BLOCK_EXPERTS=256,
        ROWS=ROWS,
        COLUMN=COLUMN,
    ),
    _variant(_place, ("chosen", "starts", "order"), ("pairs",), EXPERTS=256, PIECE=PIECE, PART=PART),
)

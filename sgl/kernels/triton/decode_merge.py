"""The splits of a sequence put together by the program that is done last, in the kernel that computed them.

A program stores its part and counts its tokens, at the place of its sequence and heads. Who finds all others counted
adds the parts up, in the order of splits: the order in which programs end changes no bit. Nobody waits for anybody, so
it does not matter in which order they start either. The last one leaves the place at 0, for the next layer and for
replays of a captured step.

That all parts can be read then follows from the memory model of PTX (PTX ISA, "Memory Consistency Model"): stores of
all threads come before a barrier of the block, and that before the one thread's atomic addition, which releases what
its block has done to the whole GPU, and acquires what all blocks released that were counted before: additions to one
word are one chain. A barrier comes again, and only then loads. In machine code that is BAR, MEMBAR.GPU, ATOMG.STRONG,
CCTL.IVALL, BAR, and loads, from the L2 cache or through an L1 cache that was just emptied, on every generation;
`benchmarks.kernel_gate` looks for the middle three. It has not been run on a GPU.
"""

from __future__ import annotations

import triton
import triton.language as tl

from sgl.kernels.triton.paged import LN_2, add_sink, anchor, denominator


@triton.jit
def keep_split(
    partial: tl.tensor,
    sums: tl.tensor,
    place: tl.tensor,
    real: tl.tensor,
    dims: tl.tensor,
    peak: tl.tensor,
    total: tl.tensor,
    mixed: tl.tensor,
    VALUE: tl.constexpr,
) -> None:
    """Stores the softmax over one split, for each head at its place."""
    tl.store(sums + place, peak + tl.log2(total), mask=real)
    visible = real[:, None] & (dims < VALUE)[None, :]
    tl.store(partial + place[:, None] * VALUE + dims[None, :], mixed / total[:, None], mask=visible)


@triton.jit
def counted_last(arrivals: tl.tensor, own: tl.tensor, wanted: tl.tensor) -> tl.tensor:
    """Whether all parts are stored now, this program's among them. True for one of them.

    Args:
        arrivals: Points to an int32 that is 0 when the first of them comes, and again when the last one has.
        own: Tokens of this program's part.
        wanted: Tokens of all parts.
    """
    tl.debug_barrier()
    last = tl.atomic_add(arrivals, own, sem="acq_rel", scope="gpu") == wanted - own
    if last:
        tl.store(arrivals, 0)
    return last


@triton.jit
def add_splits(
    partial: tl.tensor,
    sums: tl.tensor,
    first: tl.tensor,
    real: tl.tensor,
    splits: tl.tensor,
    dims: tl.tensor,
    VALUE: tl.constexpr,
    BLOCK_SPLITS: tl.constexpr,
    PART: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Peaks and sums of weights, float32 [heads], and weighted sums of values, float32 [heads, dims].

    Args:
        first: int64 [heads], rows of the first splits; those of the others follow.
        real: bool [heads].
        splits: At least 1, at most BLOCK_SPLITS.
        dims: Of a value and more.
    """
    index = tl.arange(0, BLOCK_SPLITS)
    parts = tl.load(
        sums + first[:, None] + index[None, :],
        mask=real[:, None] & (index < splits)[None, :],
        other=float("-inf"),
        cache_modifier=".cg",
    )
    peak = tl.max(parts, 1)
    base = anchor(peak)
    total = tl.sum(tl.exp2(parts - base[:, None]), 1)
    mixed = tl.zeros((first.shape[0], dims.shape[0]), tl.float32)
    # Told how many, the compiler starts loads of the next parts before it adds these.
    for at in tl.range(0, splits, PART, num_stages=3):
        some = at + tl.arange(0, PART)
        known = real[:, None] & (some < splits)[None, :]
        row = first[:, None] + some[None, :]
        part = tl.load(sums + row, mask=known, other=float("-inf"), cache_modifier=".cg")
        values = tl.load(
            partial + row[:, :, None] * VALUE + dims[None, None, :],
            mask=known[:, :, None] & (dims < VALUE)[None, None, :],
            other=0.0,
            cache_modifier=".cg",
        )
        mixed += tl.sum(values * tl.exp2(part - base[:, None])[:, :, None], 1)
    return peak, total, mixed


@triton.jit
def write_results(
    out: tl.tensor,
    lse: tl.tensor,
    sinks: tl.tensor,
    head: tl.tensor,
    place: tl.tensor,
    real: tl.tensor,
    dims: tl.tensor,
    peak: tl.tensor,
    total: tl.tensor,
    mixed: tl.tensor,
    VALUE: tl.constexpr,
) -> None:
    """Results of some heads, whose softmaxes are over all keys now, with their sinks.

    Args:
        head: [heads], as ``sinks`` has them.
        place: int64 [heads], rows of ``out``.
    """
    if sinks is not None:
        sink = tl.load(sinks + head, mask=real, other=float("-inf")).to(tl.float32)
        peak, total, mixed = add_sink(sink, peak, total, mixed)
    total = denominator(total)
    visible = real[:, None] & (dims < VALUE)[None, :]
    tl.store(out + place[:, None] * VALUE + dims[None, :], (mixed / total[:, None]).to(out.dtype.element_ty), visible)
    if lse is not None:
        tl.store(lse + place, (peak + tl.log2(total)) * LN_2, mask=real)


@triton.jit
def write_padding(
    out: tl.tensor,
    lse: tl.tensor,
    before: tl.tensor,
    split: tl.tensor,
    heads: tl.tensor,
    dims: tl.tensor,
    GROUP: tl.constexpr,
    VALUE: tl.constexpr,
) -> None:
    """Results of a row without a sequence, by the first of its programs: zeros, and -inf.

    Args:
        before: Rows of ``out`` before those of a KV head.
        heads: Among the GROUP heads of that KV head, and more.
    """
    if split == 0:
        nothing = tl.zeros((heads.shape[0], dims.shape[0]), tl.float32).to(out.dtype.element_ty)
        visible = (heads < GROUP)[:, None] & (dims < VALUE)[None, :]
        tl.store(out + (before + heads)[:, None] * VALUE + dims[None, :], nothing, mask=visible)
        if lse is not None:
            tl.store(lse + before + heads, tl.full((heads.shape[0],), float("-inf"), tl.float32), mask=heads < GROUP)

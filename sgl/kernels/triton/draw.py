"""Draws one token a row by the definition in `sgl.sampling`, without a sort and without waiting for the device.

Five launches, whose grids depend on the number of rows and on the vocabulary alone::

    argmax.peaks     the largest logit of every tile and of every small group of logits        reads the logits
    argmax.choose    the largest logit of the row; greedy rows have their token
    argmax.floors    a logit that some hundreds of the likeliest tokens reach
    _weigh           the weight of every tile; the tokens above the floor become candidates    reads the logits
    _draw            whole rows: the tile of the mark, and the token in it; others: among the candidates
    threshold.exact  rows whose kept set reaches beyond the candidates

Batches without top_k and top_p leave the floor and the last one out. Weights are integers, so sums with atomics, in
tiles or over candidates are exact: whichever way a row takes, its token is the same bit for bit.

The roofline is twice the bytes of the logits: [256, 128256] in float32 are 263 MB. Not run on a GPU.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.argmax import choose, floors, greedy, peaks, tile_size
from sgl.kernels.triton.mass import WAYS_LOG2, column_of, highest_key, order_key, share, weigh
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.philox import draw_mark, random_bits
from sgl.kernels.triton.threshold import draw_beyond
from sgl.kernels.triton.variant import Variant

CANDIDATES: Final = 2048
"""Tokens that can be looked at in one program. The floor is chosen so that they are some hundreds."""


@triton.jit
def _weigh_kernel(
    logits: tl.tensor,
    row_stride: tl.tensor,
    vocabulary: tl.tensor,
    best: tl.tensor,
    finite: tl.tensor,
    temperature: tl.tensor,
    top_k: tl.tensor,
    top_p: tl.tensor,
    min_weight: tl.tensor,
    floor: tl.tensor,
    masses: tl.tensor,
    counts: tl.tensor,
    values: tl.tensor,
    ids: tl.tensor,
    CANDIDATES: tl.constexpr,
    TILE: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """Program (tile, row): the tile's mass, and its candidates in any order.

    Candidates weigh something and reach the floor. ``values`` is None if no row is truncated, ``floor`` if all tokens
    of a row have room.
    """
    await_inputs(DEPENDENT)
    tile = tl.program_id(0)
    row = tl.program_id(1).to(tl.int64)
    tiles = tl.num_programs(0)
    warmth = tl.load(temperature + row)
    if warmth > 0 and tl.load(finite + row) > 0:
        columns = tile * TILE + tl.arange(0, TILE)
        found = tl.load(logits + row * row_stride + columns, mask=columns < vocabulary, other=-float("inf"))
        found = found.to(tl.float32)
        weights = weigh(found, tl.load(best + row), warmth)
        least = tl.load(min_weight + row)
        # Nested, because Triton decides the outer condition when it compiles.
        if values is not None:  # noqa: SIM102
            if (tl.load(top_k + row) < vocabulary) or (tl.load(top_p + row) < 1.0):
                # top_p is a share of the weight before min_p drops some.
                least = least * 0
                chosen = weights > 0
                if floor is not None:
                    chosen = chosen & (order_key(found) >= tl.load(floor + row))
                count = tl.sum(chosen.to(tl.int32), 0)
                if count > 0:
                    place = tl.atomic_add(counts + row, count) + tl.cumsum(chosen.to(tl.int32), 0) - 1
                    chosen = chosen & (place < CANDIDATES)
                    tl.store(values + row * CANDIDATES + place, found, mask=chosen)
                    tl.store(ids + row * CANDIDATES + place, columns, mask=chosen)
        tl.store(masses + row * tiles + tile, tl.sum(tl.where(weights >= least, weights, 0), 0))
    release_dependents(DEPENDENT)


@triton.jit(do_not_specialize=["tiles"])
def _draw_kernel(
    logits: tl.tensor,
    row_stride: tl.tensor,
    vocabulary: tl.tensor,
    best: tl.tensor,
    finite: tl.tensor,
    temperature: tl.tensor,
    top_k: tl.tensor,
    top_p: tl.tensor,
    min_weight: tl.tensor,
    seeds: tl.tensor,
    positions: tl.tensor,
    masses: tl.tensor,
    counts: tl.tensor,
    values: tl.tensor,
    ids: tl.tensor,
    undecided: tl.tensor,
    tokens: tl.tensor,
    tiles: tl.tensor,
    TILES: tl.constexpr,
    CANDIDATES: tl.constexpr,
    TILE: tl.constexpr,
    WAYS_LOG2: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """Program (row). ``values`` is None if no row is truncated; ``undecided`` gets 1 where candidates do not do."""
    await_inputs(DEPENDENT)
    row = tl.program_id(0).to(tl.int64)
    warmth = tl.load(temperature + row)
    peak = tl.load(best + row)
    most = tl.load(top_k + row)
    mass_share = tl.load(top_p + row)
    least = tl.load(min_weight + row)
    bits = random_bits(tl.load(seeds + row), tl.load(positions + row))
    missing = tl.full([], 0, tl.int32)
    if warmth > 0 and tl.load(finite + row) > 0:
        tile = tl.arange(0, TILES)
        tile_masses = tl.load(masses + row * tiles + tile, mask=tile < tiles, other=0)
        total = tl.sum(tile_masses, 0)
        whole = (most >= vocabulary) and (mass_share >= 1.0)
        if values is not None:  # noqa: SIM102
            if not whole:
                count = tl.load(counts + row)
                place = tl.arange(0, CANDIDATES)
                inside = place < count
                found = tl.load(values + row * CANDIDATES + place, mask=inside, other=-float("inf"))
                columns = tl.load(ids + row * CANDIDATES + place, mask=inside, other=2147483647)
                keys = order_key(found)
                weights = tl.where(inside, weigh(found, peak, warmth), 0)
                # Candidates that hold all the weight are all that top_k could keep.
                all_weight = tl.sum(weights, 0) == total
                enough = (count <= CANDIDATES) and (all_weight or (most >= vocabulary) or (most <= count))
                if most < vocabulary:
                    bound = highest_key(keys, inside.to(tl.int32), most, 32 // WAYS_LOG2, WAYS_LOG2)
                    weights = tl.where(keys >= bound, weights, 0)
                    total = tl.sum(weights, 0)
                need = share(mass_share, total)
                if enough and (tl.sum(weights, 0) >= need):
                    if mass_share < 1.0:
                        bound = highest_key(keys, weights, need, 32 // WAYS_LOG2, WAYS_LOG2)
                        weights = tl.where(keys >= bound, weights, 0)
                    weights = tl.where(weights >= least, weights, 0)
                    token = column_of(columns, weights, draw_mark(bits, tl.sum(weights, 0)), WAYS_LOG2)
                    tl.store(tokens + row, token)
                else:
                    missing = missing + 1
        if whole:
            mark = draw_mark(bits, total)
            running = tl.cumsum(tile_masses, 0)
            chosen = tl.sum((running <= mark).to(tl.int32), 0)
            before = tl.sum(tl.where(tile < chosen, tile_masses, 0), 0)
            offsets = chosen * TILE + tl.arange(0, TILE)
            found = tl.load(logits + row * row_stride + offsets, mask=offsets < vocabulary, other=-float("inf"))
            weights = weigh(found.to(tl.float32), peak, warmth)
            weights = tl.where(weights >= least, weights, 0)
            within = tl.sum((before + tl.cumsum(weights, 0) <= mark).to(tl.int64), 0)
            tl.store(tokens + row, chosen * TILE + within)
    if values is not None:
        tl.store(undecided + row, missing)
    release_dependents(DEPENDENT)


def sample(
    logits: Tensor,
    temperature: Tensor,
    top_k: Tensor,
    top_p: Tensor,
    min_weight: Tensor,
    seeds: Tensor,
    positions: Tensor,
    *,
    truncating: bool = True,
    tile: int | None = None,
    candidates: int = CANDIDATES,
    dependent: bool = False,
) -> tuple[Tensor, Tensor]:
    """One token of every row.

    Args:
        logits: [B, V] float32, bfloat16 or float16, adjusted; rows may be strided, V is contiguous and below 2**23.
        temperature: float32 [B]; 0 takes the likeliest token.
        top_k: int64 [B], at least 1; V or more keeps all.
        top_p: float64 [B], above 0; 1 keeps all.
        min_weight: int64 [B], ``ceil(min_p * 2**40)``; 0 keeps all.
        seeds: int64 [B], the Philox keys.
        positions: int64 [B], the Philox counters: the index of the token to draw.
        truncating: Whether any row has a top_k or a top_p; two launches less if none has.
        tile, candidates: Logits of a program and most candidates, for tests.
        dependent: Launch with programmatic dependent launch.

    Returns:
        Tokens int64 [B], and bool [B]: False, with token 0, for a row that holds NaN or +inf, or no finite logit.
    """
    rows, vocabulary = logits.shape
    device = logits.device
    if not rows:
        return greedy(logits)
    best = torch.empty(rows, dtype=torch.float32, device=device)
    tile = tile or tile_size(vocabulary)
    found = peaks(logits, with_groups=truncating and vocabulary > candidates, tile=tile, dependent=dependent)
    tokens, finite = choose(found, best=best, dependent=dependent)
    tiles = found.values.shape[1]
    masses = torch.empty(rows, tiles, dtype=torch.int64, device=device)
    floor = counts = values = ids = undecided = None
    width = min(candidates, max(16, triton.next_power_of_2(vocabulary)))
    if truncating:
        floor = None if found.groups is None else floors(found, top_k, vocabulary, dependent=dependent)
        counts = torch.zeros(rows, dtype=torch.int32, device=device)
        undecided = torch.empty(rows, dtype=torch.int32, device=device)
        values = torch.empty(rows, width, dtype=torch.float32, device=device)
        ids = torch.empty(rows, width, dtype=torch.int32, device=device)
    early = starts_early(device, dependent)
    flags = finite.view(torch.uint8)
    row = (logits, logits.stride(0), vocabulary, best, flags, temperature, top_k, top_p, min_weight)
    _weigh_kernel[(tiles, rows)](
        *row, floor, masses, counts, values, ids,
        CANDIDATES=width, TILE=tile, DEPENDENT=early, num_warps=8, launch_pdl=early,
    )  # fmt: skip
    _draw_kernel[(rows,)](
        *row, seeds, positions, masses, counts, values, ids, undecided, tokens, tiles,
        TILES=triton.next_power_of_2(tiles), CANDIDATES=width, TILE=tile, WAYS_LOG2=WAYS_LOG2,
        DEPENDENT=early, num_warps=8, launch_pdl=early,
    )  # fmt: skip
    if undecided is not None and vocabulary > candidates:
        draw_beyond(
            logits, best, temperature, top_k, top_p, min_weight, seeds, positions, undecided, tokens,
            dependent=dependent,
        )  # fmt: skip
    return tokens, finite


_ROW: Final = {
    "row_stride": "i32",
    "vocabulary": "i32",
    "best": "*fp32",
    "finite": "*u8",
    "temperature": "*fp32",
    "top_k": "*i64",
    "top_p": "*fp64",
    "min_weight": "*i64",
}
_SEEDS: Final = {"seeds": "*i64", "positions": "*i64", "masses": "*i64"}
_FOUND: Final = {"counts": "*i32", "values": "*fp32", "ids": "*i32"}
_NONE: Final = {"counts": None, "values": None, "ids": None}

VARIANTS: Final = (
    *(
        Variant(
            name=f"weigh {name} {'truncated' if truncating else 'whole'}",
            kernel=_weigh_kernel,
            signature={
                "logits": pointer,
                **_ROW,
                **({"floor": "*i32"} if truncating else {}),
                "masses": "*i64",
                **(_FOUND if truncating else {}),
            },
            constants={
                **({} if truncating else {"floor": None, **_NONE}),
                "CANDIDATES": CANDIDATES,
                "TILE": 4096,
                "DEPENDENT": True,
            },
            divisible=("row_stride", "vocabulary"),
            warps=8,
            dependent=True,
            wide_loads=True,
        )
        for name, pointer in (("bf16", "*bf16"), ("float32", "*fp32"))
        for truncating in (False, True)
    ),
    *(
        Variant(
            name=f"draw {name} {'truncated' if truncating else 'whole'}",
            kernel=_draw_kernel,
            signature={
                "logits": pointer,
                **_ROW,
                **_SEEDS,
                **(_FOUND if truncating else {}),
                **({"undecided": "*i32"} if truncating else {}),
                "tokens": "*i64",
                "tiles": "i32",
            },
            constants={
                **({} if truncating else {"undecided": None, **_NONE}),
                "TILES": 64,
                "CANDIDATES": CANDIDATES,
                "TILE": 4096,
                "WAYS_LOG2": WAYS_LOG2,
                "DEPENDENT": True,
            },
            divisible=("row_stride", "vocabulary"),
            warps=8,
            dependent=True,
        )
        for name, pointer in (("bf16", "*bf16"), ("float32", "*fp32"))
        for truncating in (False, True)
    ),
)

"""The likeliest token of every row, in two steps: the peak of each tile of the vocabulary, then the best of those.

Reads the logits once; the roofline is their bytes. `peaks` can follow any kernel that writes logits, and its second
step reads 8 bytes a tile, so a head that computes tiles of logits can write peaks itself. Not run on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.mass import WAYS_LOG2, highest_key, order_key
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant

TILE: Final = 4096
"""Logits a program looks at. Sums and maxima here are exact, so no result depends on it."""
_GROUPS: Final = 4096
"""Most groups of a row, of whose peaks a floor is found."""
_GROUP: Final = 16
"""Fewest logits of a group."""
WANTED: Final = 512
"""Logits above a floor that are asked for where top_k does not ask for another number, up to twice as many."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """The first step's results.

    Attributes:
        values: float32 [B, tiles], the largest logit of each tile; NaN for a tile that holds NaN or +inf.
        ids: int32 [B, tiles], where it is, the lowest id among equals.
        groups: float32 [B, tiles * TILE / group], the largest logit of every run of `group_size` logits; or None.
    """

    values: Tensor
    ids: Tensor
    groups: Tensor | None = None


def tile_size(vocabulary: int) -> int:
    """Logits of a program: `TILE`, or all of a vocabulary that is smaller."""
    return min(TILE, max(_GROUP, int(triton.next_power_of_2(vocabulary))))


def group_size(vocabulary: int) -> int:
    """Logits whose peak is kept when a floor is wanted: a row has at most `_GROUPS` groups."""
    return max(_GROUP, int(triton.next_power_of_2(vocabulary)) // _GROUPS)


@triton.jit
def _peaks_kernel(
    logits: tl.tensor,
    row_stride: tl.tensor,
    vocabulary: tl.tensor,
    values: tl.tensor,
    ids: tl.tensor,
    groups: tl.tensor,
    TILE: tl.constexpr,
    GROUP: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """Program (tile, row). ``groups`` is None, or gets the peak of every GROUP logits."""
    await_inputs(DEPENDENT)
    tile = tl.program_id(0)
    row = tl.program_id(1).to(tl.int64)
    tiles = tl.num_programs(0)
    columns = tile * TILE + tl.arange(0, TILE)
    found = tl.load(logits + row * row_stride + columns, mask=columns < vocabulary, other=-float("inf"))
    found = found.to(tl.float32)
    release_dependents(DEPENDENT)
    poisoned = (found != found) | (found == float("inf"))
    found = tl.where(poisoned, -float("inf"), found)
    peak = tl.max(found, 0)
    first = tl.min(tl.where(found == peak, columns, 2147483647), 0)
    poison = tl.max(poisoned.to(tl.int32), 0)
    tl.store(values + row * tiles + tile, tl.where(poison > 0, float("nan"), peak))
    tl.store(ids + row * tiles + tile, first)
    if groups is not None:
        count: tl.constexpr = TILE // GROUP
        peaks = tl.max(tl.reshape(found, (count, GROUP)), 1)
        tl.store(groups + (row * tiles + tile) * count + tl.arange(0, count), peaks)


@triton.jit(do_not_specialize=["tiles"])
def _choose_kernel(
    values: tl.tensor,
    ids: tl.tensor,
    tiles: tl.tensor,
    tokens: tl.tensor,
    finite: tl.tensor,
    best: tl.tensor,
    TILES: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """Program (row): the best tile. ``best`` is None, or gets the largest logit."""
    await_inputs(DEPENDENT)
    row = tl.program_id(0).to(tl.int64)
    tile = tl.arange(0, TILES)
    peaks = tl.load(values + row * tiles + tile, mask=tile < tiles, other=-float("inf"))
    first = tl.load(ids + row * tiles + tile, mask=tile < tiles, other=2147483647)
    release_dependents(DEPENDENT)
    poison = tl.max((peaks != peaks).to(tl.int32), 0)
    peaks = tl.where(peaks != peaks, -float("inf"), peaks)
    peak = tl.max(peaks, 0)
    sound = (poison == 0) & (peak > -float("inf"))
    token = tl.min(tl.where(peaks == peak, first, 2147483647), 0)
    tl.store(tokens + row, tl.where(sound, token, 0).to(tl.int64))
    tl.store(finite + row, sound.to(tl.uint8))
    if best is not None:
        tl.store(best + row, peak)


@triton.jit(do_not_specialize=["count"])
def _floor_kernel(
    groups: tl.tensor,
    count: tl.tensor,
    top_k: tl.tensor,
    vocabulary: tl.tensor,
    floors: tl.tensor,
    WANTED: tl.constexpr,
    GROUP: tl.constexpr,
    GROUPS: tl.constexpr,
    WAYS_LOG2: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """Program (row)."""
    await_inputs(DEPENDENT)
    row = tl.program_id(0).to(tl.int64)
    most = tl.load(top_k + row)
    group = tl.arange(0, GROUPS)
    peaks = tl.load(groups + row * count + group, mask=group < count, other=-float("inf"))
    release_dependents(DEPENDENT)
    # Beyond half of the groups, a peak says little of how many logits are above it.
    need = tl.where(most < vocabulary, tl.minimum(most, 2 * WANTED), WANTED)
    need = tl.maximum(tl.minimum(need, vocabulary // (2 * GROUP)), 1)
    # A floor need not be sharp: 16 bits of a key are sign, exponent and 7 bits of the fraction.
    inside = (group < count).to(tl.int32)
    tl.store(floors + row, highest_key(order_key(peaks), inside, need, 16 // WAYS_LOG2, WAYS_LOG2))


def peaks(logits: Tensor, *, with_groups: bool = False, tile: int | None = None, dependent: bool = False) -> Peaks:
    """The first step over ``logits`` [B, V], float32, bfloat16 or float16; ``tile`` is for tests."""
    rows, vocabulary = logits.shape
    tile = tile or tile_size(vocabulary)
    group = min(tile, group_size(vocabulary))
    tiles = triton.cdiv(vocabulary, tile)
    found = Peaks(
        torch.empty(rows, tiles, dtype=torch.float32, device=logits.device),
        torch.empty(rows, tiles, dtype=torch.int32, device=logits.device),
        torch.empty(rows, tiles * tile // group, dtype=torch.float32, device=logits.device) if with_groups else None,
    )
    early = starts_early(logits.device, dependent)
    if rows:
        _peaks_kernel[(tiles, rows)](
            logits,
            logits.stride(0),
            vocabulary,
            found.values,
            found.ids,
            found.groups,
            TILE=tile,
            GROUP=group,
            DEPENDENT=early,
            num_warps=4,
            launch_pdl=early,
        )
    return found


def greedy(logits: Tensor, *, tile: int | None = None, dependent: bool = False) -> tuple[Tensor, Tensor]:
    """The token of the largest logit of every row, the lowest id among equals.

    Args:
        logits: [B, V] float32, bfloat16 or float16; rows may be strided, V is contiguous.
        tile: Logits of a program, for tests.
        dependent: Launch with programmatic dependent launch.

    Returns:
        Tokens int64 [B], and bool [B]: False, with token 0, for a row that holds NaN or +inf, or no finite logit.
    """
    return choose(peaks(logits, tile=tile, dependent=dependent), dependent=dependent)


def choose(found: Peaks, *, best: Tensor | None = None, dependent: bool = False) -> tuple[Tensor, Tensor]:
    """The second step of `greedy`, for peaks that something else may have written.

    ``best`` is float32 [B] and gets the largest logits, where they are wanted; results are those of `greedy`.
    """
    rows, tiles = found.values.shape
    tokens = torch.empty(rows, dtype=torch.int64, device=found.values.device)
    finite = torch.empty(rows, dtype=torch.bool, device=found.values.device)
    early = starts_early(tokens.device, dependent)
    if rows:
        _choose_kernel[(rows,)](
            found.values,
            found.ids,
            tiles,
            tokens,
            finite.view(torch.uint8),
            best,
            TILES=triton.next_power_of_2(tiles),
            DEPENDENT=early,
            num_warps=1,
            launch_pdl=early,
        )
    return tokens, finite


def floors(found: Peaks, top_k: Tensor, vocabulary: int, *, dependent: bool = False) -> Tensor:
    """Order keys int32 [B] that some hundreds of a row's logits reach, top_k at least if it is one of those numbers.

    As many peaks of groups are above a key, so many logits are at least. ``top_k`` is int64 [B].

    Raises:
        ValueError: The peaks are without those of groups.
    """
    if found.groups is None:
        raise ValueError("a floor is found among the peaks of groups; ask for peaks with_groups")
    rows, count = found.groups.shape
    result = torch.empty(rows, dtype=torch.int32, device=top_k.device)
    early = starts_early(result.device, dependent)
    if rows:
        _floor_kernel[(rows,)](
            found.groups,
            count,
            top_k,
            vocabulary,
            result,
            WANTED=WANTED,
            GROUP=group_size(vocabulary),
            GROUPS=triton.next_power_of_2(count),
            WAYS_LOG2=WAYS_LOG2,
            DEPENDENT=early,
            num_warps=8,
            launch_pdl=early,
        )
    return result


_PEAKS: Final = {"row_stride": "i32", "vocabulary": "i32", "values": "*fp32", "ids": "*i32"}

VARIANTS: Final = (
    *(
        Variant(
            name=f"peaks {name}{' with groups' if groups else ''}",
            kernel=_peaks_kernel,
            signature={"logits": pointer, **_PEAKS, **({"groups": "*fp32"} if groups else {})},
            constants={"TILE": TILE, "GROUP": 32, "DEPENDENT": True, **({} if groups else {"groups": None})},
            divisible=("row_stride", "vocabulary"),
            dependent=True,
            wide_loads=True,
        )
        for name, pointer in (("bf16", "*bf16"), ("float32", "*fp32"))
        for groups in (False, True)
    ),
    Variant(
        name="choose greedy v262144",
        kernel=_choose_kernel,
        signature={"values": "*fp32", "ids": "*i32", "tiles": "i32", "tokens": "*i64", "finite": "*u8"},
        constants={"best": None, "TILES": 64, "DEPENDENT": True},
        warps=1,
        dependent=True,
    ),
    Variant(
        name="choose and best v262144",
        kernel=_choose_kernel,
        signature={
            "values": "*fp32",
            "ids": "*i32",
            "tiles": "i32",
            "tokens": "*i64",
            "finite": "*u8",
            "best": "*fp32",
        },
        constants={"TILES": 64, "DEPENDENT": False},
        warps=1,
    ),
    Variant(
        name="floors 4096 groups",
        kernel=_floor_kernel,
        signature={"groups": "*fp32", "count": "i32", "top_k": "*i64", "vocabulary": "i32", "floors": "*i32"},
        constants={"WANTED": WANTED, "GROUP": 32, "GROUPS": 4096, "WAYS_LOG2": WAYS_LOG2, "DEPENDENT": True},
        divisible=("count", "vocabulary"),
        warps=8,
        dependent=True,
    ),
)

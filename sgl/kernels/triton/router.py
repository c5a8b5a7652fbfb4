"""Routing: from the router's logits to each token's experts and their weights, in one kernel.

One program a token. Its scores lie in registers as [groups, experts of a group], each padded to a power of two, so a
group's best experts are maxima along a row; the best of all are found one after the other. Among equals the lowest
number comes first. `sgl.kernels.twins.router` is the plain twin, `sgl.layers.router` what a CPU does.

Reads the logits and writes 8 bytes per choice: at 256 experts and 64 tokens 64 KiB, so its cost is its launch and the
rounds of the choice (not run on a GPU yet).
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.experts import ExpertsConfig
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant

LOG2_E: Final = tl.constexpr(1.4426950408889634)
LOWEST: Final = tl.constexpr(-1e38)
SUM_FLOOR: Final = tl.constexpr(1e-20)
"""`sgl.layers.router.SUM_FLOOR`."""


def route(
    logits: Tensor,
    config: ExpertsConfig,
    correction: Tensor | None = None,
    slots: Tensor | None = None,
    *,
    dependent: bool = False,
) -> tuple[Tensor, Tensor]:
    """Chooses experts by their logits.

    Args:
        logits: [tokens, count], float32 or narrower; computed in float32.
        correction: float32 [count], added to the scores for the choice alone; see `ExpertsConfig.correction`.
        slots: int64 [tokens], -1 for rows that only pad the batch: they choose no expert, so none is read for them.
        dependent: Launched to start before the kernel in front of it has ended.

    Returns:
        Weights, float32 [tokens, chosen], and the experts they belong to, int32 [tokens, chosen]; best first. A row
        that pads has weights 0 and experts -1. A row with NaN has weights NaN, and some experts.
    """
    tokens, count = logits.shape
    weights = torch.empty((tokens, config.chosen), dtype=torch.float32, device=logits.device)
    chosen = torch.empty((tokens, config.chosen), dtype=torch.int32, device=logits.device)
    if not tokens:
        return weights, chosen
    early = starts_early(logits.device, dependent)
    _route[(tokens,)](
        logits,
        correction,
        slots,
        weights,
        chosen,
        logits.stride(0),
        config.scale,
        **_choice(config),
        DEPENDENT=early,
        num_warps=_warps(count),
        launch_pdl=early,
    )
    return weights, chosen


def _choice(config: ExpertsConfig) -> dict[str, int | bool]:
    """The constants of the kernel that a model decides."""
    size = config.count // config.groups
    return {
        "GROUPS": config.groups,
        "SIZE": size,
        "CHOSEN_GROUPS": config.chosen_groups,
        "GROUP_TOP": config.group_top,
        "CHOSEN": config.chosen,
        "SIGMOID": config.score == "sigmoid",
        "NORMALIZE": config.normalize,
        "BLOCK_GROUPS": triton.next_power_of_2(config.groups),
        "BLOCK_SIZE": triton.next_power_of_2(size),
        "BLOCK_CHOSEN": triton.next_power_of_2(config.chosen),
    }


def _warps(count: int) -> int:
    """One warp holds 8 scores a thread and needs no barrier between the rounds of the choice."""
    return 1 if count <= 256 else 4


@triton.jit
def _route(
    logits: tl.tensor,
    correction: tl.tensor,
    slots: tl.tensor,
    weights: tl.tensor,
    chosen: tl.tensor,
    stride: tl.tensor,
    scale: tl.tensor,
    GROUPS: tl.constexpr,
    SIZE: tl.constexpr,
    CHOSEN_GROUPS: tl.constexpr,
    GROUP_TOP: tl.constexpr,
    CHOSEN: tl.constexpr,
    SIGMOID: tl.constexpr,
    NORMALIZE: tl.constexpr,
    BLOCK_GROUPS: tl.constexpr,
    BLOCK_SIZE: tl.constexpr,
    BLOCK_CHOSEN: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    token = tl.program_id(0)
    group = tl.arange(0, BLOCK_GROUPS)
    within = tl.arange(0, BLOCK_SIZE)
    number = group[:, None] * SIZE + within[None, :]
    exists = (group[:, None] < GROUPS) & (within[None, :] < SIZE)
    place = tl.arange(0, BLOCK_CHOSEN)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)

    live = True
    if slots is not None:
        live = tl.load(slots + token) >= 0
    if live:
        row = logits + token.to(tl.int64) * stride
        x = tl.load(row + number, mask=exists, other=-float("inf")).to(tl.float32)
        # A maximum passes over NaN on a GPU: what cannot be compared must not look as if it had been.
        poisoned = tl.max(tl.max((x != x).to(tl.int32), axis=1), axis=0) > 0
        scores = _scores(tl.where(x == x, x, -float("inf")), SIGMOID)
        wanted = scores
        if correction is not None:
            wanted += tl.load(correction + number, mask=exists, other=0.0)
        wanted = tl.where(exists, wanted, -float("inf"))
        if GROUPS > 1:
            of_group = _group_scores(wanted, within, GROUP_TOP, BLOCK_SIZE)
            of_group = tl.where(group < GROUPS, of_group, -float("inf"))
            best = _best(of_group, group < GROUPS, group, CHOSEN_GROUPS, BLOCK_GROUPS)
            open_ = exists & best[:, None]
        else:
            open_ = exists
        own_weights = tl.zeros((BLOCK_CHOSEN,), dtype=tl.float32)
        own_chosen = tl.zeros((BLOCK_CHOSEN,), dtype=tl.int32)
        for i in tl.static_range(CHOSEN):
            left = tl.where(open_, wanted, -float("inf"))
            highest = tl.max(tl.max(left, axis=1), axis=0)
            candidates = tl.where(open_ & (left == highest), number, GROUPS * SIZE - 1)
            expert = tl.min(tl.min(candidates, axis=1), axis=0)
            score = tl.sum(tl.sum(tl.where(number == expert, scores, 0.0), axis=1), axis=0)
            own_weights = tl.where(place == i, score, own_weights)
            own_chosen = tl.where(place == i, expert, own_chosen)
            open_ = open_ & (number != expert)
        own_weights = tl.where(poisoned, float("nan"), own_weights)
        if NORMALIZE:
            own_weights = own_weights / (tl.sum(own_weights, axis=0) + SUM_FLOOR)
        _store(weights, chosen, token, own_weights * scale, own_chosen, CHOSEN, place)
    else:
        none = tl.zeros((BLOCK_CHOSEN,), dtype=tl.int32) - 1
        _store(weights, chosen, token, tl.zeros((BLOCK_CHOSEN,), dtype=tl.float32), none, CHOSEN, place)


@triton.jit
def _scores(x: tl.tensor, SIGMOID: tl.constexpr) -> tl.tensor:
    """What does not exist has logit -inf, and score 0."""
    if SIGMOID:
        return 1.0 / (1.0 + tl.exp2(-x * LOG2_E))
    else:
        # Where all are -inf, which was NaN, the result does not count; it must not be NaN again and compared.
        highest = tl.maximum(tl.max(tl.max(x, axis=1), axis=0), LOWEST)
        powers = tl.exp2((x - highest) * LOG2_E)
        return powers / tl.maximum(tl.sum(tl.sum(powers, axis=1), axis=0), SUM_FLOOR)


@triton.jit
def _group_scores(wanted: tl.tensor, within: tl.tensor, TOP: tl.constexpr, BLOCK_SIZE: tl.constexpr) -> tl.tensor:
    """[groups]: the sum of each group's TOP best."""
    summed = tl.max(wanted, axis=1)
    left = wanted
    highest = summed
    for _ in tl.static_range(TOP - 1):
        first = tl.min(tl.where(left == highest[:, None], within[None, :], BLOCK_SIZE), axis=1)
        left = tl.where(within[None, :] == first[:, None], -float("inf"), left)
        highest = tl.max(left, axis=1)
        summed += highest
    return summed


@triton.jit
def _best(
    values: tl.tensor, exists: tl.tensor, index: tl.tensor, COUNT: tl.constexpr, BLOCK: tl.constexpr
) -> tl.tensor:
    """bool [n]: whether each is one of the COUNT largest."""
    left = exists
    for _ in tl.static_range(COUNT):
        open_values = tl.where(left, values, -float("inf"))
        highest = tl.max(open_values, axis=0)
        first = tl.min(tl.where(left & (open_values == highest), index, BLOCK), axis=0)
        left = left & (index != first)
    return exists & (left == 0)


@triton.jit
def _store(
    weights: tl.tensor,
    chosen: tl.tensor,
    token: tl.tensor,
    own_weights: tl.tensor,
    own_chosen: tl.tensor,
    CHOSEN: tl.constexpr,
    place: tl.tensor,
) -> None:
    at = token.to(tl.int64) * CHOSEN + place
    tl.store(weights + at, own_weights, mask=place < CHOSEN)
    tl.store(chosen + at, own_chosen, mask=place < CHOSEN)


def _variant(name: str, config: ExpertsConfig, *, correction: bool = False) -> Variant:
    tensors = {"logits": "*fp32", "correction": "*fp32", "slots": "*i64", "weights": "*fp32", "chosen": "*i32"}
    constants: dict[str, object] = {**_choice(config), "DEPENDENT": True}
    if not correction:
        del tensors["correction"]
        constants["correction"] = None
    return Variant(
        name=f"route {name}",
        kernel=_route,
        signature={**tensors, "stride": "i32", "scale": "fp32"},
        constants=constants,
        divisible=("stride",),
        warps=_warps(config.count),
        dependent=True,
    )


def _experts(count: int, chosen: int, **values: Any) -> ExpertsConfig:
    return ExpertsConfig(count=count, chosen=chosen, intermediate_size=0, layers=(), **values)


VARIANTS: Final = (
    _variant("qwen3-30b-a3b", _experts(128, 8)),
    _variant("deepseek-v2", _experts(160, 6, groups=8, chosen_groups=3, normalize=False, scale=16.0)),
    _variant(
        "deepseek-v3",
        _experts(256, 8, score="sigmoid", groups=8, chosen_groups=4, group_top=2, scale=2.5),
        correction=True,
    ),
)

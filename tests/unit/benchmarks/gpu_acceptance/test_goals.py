"""Limits are those of the published table, and verdicts follow from figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.gpu_acceptance import workload
from benchmarks.gpu_acceptance.goals import COPY, GOALS, LARGE, LLAMA, PRODUCT, SMALL, ceilings, judge, ratios
from benchmarks.gpu_acceptance.roofline import BF16, FP8, INT4, PUBLISHED, Ceilings, shape
from benchmarks.gpu_acceptance.rows import Figure

H200 = "NVIDIA H200"
BY_NAME = {goal.name: goal for goal in GOALS}


def figure(name: str, *samples: float) -> Figure:
    return Figure(name, samples, "", "")


@pytest.mark.parametrize(
    ("model", "bits", "milliseconds"),
    [
        (LLAMA, BF16, 3.491),
        (LLAMA, FP8, 1.868),
        (LLAMA, INT4, 1.088),
        (SMALL, BF16, 0.277),
        (SMALL, INT4, 0.126),
        (LARGE, BF16, 6.507),
        (LARGE, FP8, 3.435),
    ],
)
def test_a_step_reads_every_weight_once(model: str, bits: float, milliseconds: float) -> None:
    """Figures of design/performance.md, 2.1."""
    assert shape(model).decode_seconds(PUBLISHED, batch=1, kept=0, bits=bits) * 1e3 == pytest.approx(
        milliseconds, rel=4e-3
    )


@pytest.mark.parametrize(
    ("model", "batch", "milliseconds"), [(LLAMA, 64, 5.49), (LLAMA, 256, 12.85), (SMALL, 256, 7.38), (LARGE, 64, 9.00)]
)
def test_many_rows_are_multiplied_or_read_whichever_takes_longer(model: str, batch: int, milliseconds: float) -> None:
    """Figures of 2.2."""
    seconds = shape(model).decode_seconds(PUBLISHED, batch=batch, kept=batch * 1024)
    assert seconds * 1e3 == pytest.approx(milliseconds, rel=1e-3)


@pytest.mark.parametrize(("name", "limit"), [("G9 1k", 18.4), ("G9 8k", 167), ("G6", 36_203), ("G7", 8_075)])
def test_prompts_and_the_offline_workload(name: str, limit: float) -> None:
    """Figures of 2.3."""
    assert BY_NAME[name].limit(PUBLISHED) == pytest.approx(limit, rel=3e-3)


def test_the_offline_workload_is_the_public_one() -> None:
    asked = workload.offline()
    assert len(asked) == 256
    assert sum(len(each.ids) for each in asked) == 142_827
    assert sum(each.output for each in asked) == 133_966


def test_every_goal_is_within_its_limit() -> None:
    for goal in GOALS:
        share = goal.share(goal.goal * (goal.limit(PUBLISHED) if goal.of_limit else 1), PUBLISHED)
        assert share is None or 0.4 < share < 1, goal.name


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("G1", 4.10, "met"),
        ("G1", 4.11, "NOT met"),
        ("G5 64", 9_900, "met"),
        ("G5 64", 9_899, "NOT met"),
        ("G10 1", 3.0, "met"),
        ("G10 1", 3.1, "NOT met"),
        ("G11 1k", 0.85 * 4300, "met"),
        ("G11 1k", 0.84 * 4300, "NOT met"),
    ],
)
def test_verdicts(name: str, value: float, word: str) -> None:
    (found,) = judge({name: figure(name, value)}, H200, rehearsal=False)
    assert found.word == word


def test_shares_are_of_both_ceilings() -> None:
    figures = {name: figure(name, value) for name, value in ((COPY, 4000.0), (PRODUCT, 700.0), ("G1", 4.0))}
    assert ceilings(figures) == Ceilings(4e12, 700e12)
    (found,) = judge(figures, H200, rehearsal=False)
    assert found.published_share == pytest.approx(3.491 / 4, rel=1e-3)
    assert found.measured_share == pytest.approx(3.491 / 4 * 4.3 / 4, rel=1e-3)


def test_a_share_of_copying_is_of_what_was_measured() -> None:
    figures = {COPY: figure(COPY, 1000.0), "G11 8k": figure("G11 8k", 860.0)}
    (found,) = judge(figures, "NVIDIA L4", rehearsal=False)
    assert found.word == "met", "this goal is one for any machine"


def test_ratios_to_the_peer_are_of_medians_and_judged_on_any_gpu() -> None:
    own, other, alone = figure("G6", 30.0, 33.0), figure("G6 mini-sglang", 28.0), figure("G7", 1.0)
    figures = {each.name: each for each in (own, other, alone)}
    found = ratios(figures)
    assert list(found) == ["G6 ratio"]
    assert found["G6 ratio"].value == pytest.approx(31.5 / 28)
    verdicts = {each.goal.name: each.word for each in judge(figures | found, "NVIDIA L4", rehearsal=False)}
    assert verdicts["G6 ratio"] == "met"
    slower = found | {"G6 ratio": figure("G6 ratio", 1.09)}
    assert [each.word for each in judge(slower, H200, rehearsal=False)] == ["NOT met"]


def test_goals_are_for_one_gpu_and_not_for_rehearsals() -> None:
    figures = {"G1": figure("G1", 1.0)}
    assert judge(figures, "NVIDIA L4", rehearsal=False)[0].word == "no goal for NVIDIA L4"
    assert judge(figures, H200, rehearsal=True)[0].word == "rehearsal"
    assert judge({}, H200, rehearsal=False) == []


def test_a_figure_is_its_median() -> None:
    found = figure("G1", 4.0, 9.0, 5.0)
    assert (found.value, found.spread) == (5.0, 1.0)
    assert replace(found, samples=(0.0,)).spread == 0.0

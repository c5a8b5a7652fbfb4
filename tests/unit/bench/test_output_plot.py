"""Axes: every value has a place, and ticks are numbers that people count in. The knee."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.bench.output.axis import Axis, linear_axis, spread_axis, tick_text
from sgl_cli.bench.output.knee import find_knee, power

from .output_cases import levels, nothing

VALUES = st.lists(st.floats(-1e15, 1e15, allow_nan=False), max_size=20)


@given(VALUES)
def test_every_value_has_a_place(values: list[float]) -> None:
    for axis in (linear_axis("x", values), spread_axis("x", values)):
        assert math.isfinite(axis.low)
        assert axis.low < axis.high
        assert 2 <= len(axis.ticks) <= 40
        assert list(axis.ticks) == sorted(set(axis.ticks))
        for value in (*values, *axis.ticks):
            assert 0 <= axis.share(value) <= 1


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=20))
def test_larger_values_are_further(values: list[float]) -> None:
    axis = spread_axis("x", values)
    assert axis.low <= min(values) * (1 + 1e-9)
    assert axis.high >= max(values) * (1 - 1e-9)
    places = [axis.share(value) for value in sorted(values)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([], (0, 0.2, 0.4, 0.6, 0.8, 1)),
        ([0], (0, 0.2, 0.4, 0.6, 0.8, 1)),
        ([97], (0, 20, 40, 60, 80, 100)),
        ([100], (0, 20, 40, 60, 80, 100)),
        ([3, 7.5], (0, 2, 4, 6, 8)),
    ],
)
def test_ticks_are_round(values: list[float], ticks: tuple[float, ...]) -> None:
    assert linear_axis("x", values).ticks == pytest.approx(ticks)


def test_a_long_tail_gets_a_logarithmic_axis() -> None:
    axis = spread_axis("ms", [*range(10, 20), 5000])
    assert axis == Axis("ms", 10.0, 10_000.0, (10.0, 100.0, 1000.0, 10_000.0), log=True)
    assert not spread_axis("ms", [10, 20, 30]).log
    assert not spread_axis("ms", [0, 10, 5000]).log


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.5, "0.5"), (2500, "2500"), (12_000, "12k"), (3e6, "3M"), (1.5e9, "1.5G")]
)
def test_ticks_are_short(value: float, text: str) -> None:
    assert tick_text(value) == text


def test_the_knee_has_the_most_power() -> None:
    sweep = levels()
    powers = [power(level) or 0.0 for level in sweep]
    assert find_knee(sweep) == powers.index(max(powers)) == 2
    assert find_knee(sweep[:2]) is None
    assert find_knee(sweep[:3]) is None, "the last level is the best: the knee was not reached"
    assert find_knee([nothing()] * 4) is None

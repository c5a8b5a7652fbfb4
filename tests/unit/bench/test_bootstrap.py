"""Intervals hold the truth as often as they say, and are quick."""

from __future__ import annotations

import time
from random import Random

import numpy as np
import pytest

from sgl_cli.bench.compare.bootstrap import (
    Interval,
    ratio_of_means,
    ratio_of_pairs,
    ratio_of_quantiles,
    ratio_of_rates,
    ratio_of_series,
    ratio_of_shares,
    student_t95,
)
from sgl_cli.bench.compare.verdict import judge


def draws(random: Random, count: int, mean: float = 1.0) -> list[float]:
    return [random.lognormvariate(0, 0.5) * mean for _ in range(count)]


def test_one_seed_one_interval() -> None:
    base, new = draws(Random(1), 50), draws(Random(2), 50)
    assert ratio_of_quantiles(base, new, 0.5) == ratio_of_quantiles(base, new, 0.5)
    assert ratio_of_quantiles(base, new, 0.5) != ratio_of_quantiles(base, new, 0.5, seed=1)


@pytest.mark.parametrize(("share", "count"), [(0.5, 30), (0.5, 31), (0.9, 200), (0.99, 1000)])
def test_drawn_order_statistics_are_those_of_real_resamples(share: float, count: int) -> None:
    """The interval of numpy's plain bootstrap, within the noise of two thousand resamples."""
    base, new = draws(Random(3), count), draws(Random(4), count, 1.2)
    ours = ratio_of_quantiles(base, new, share, resamples=4000)
    generator = np.random.default_rng(5)
    sides = [
        np.quantile(generator.choice(np.array(side), (4000, count)), share, axis=1, method="linear")
        for side in (new, base)
    ]
    plain = np.quantile(sides[0] / sides[1], [0.025, 0.975])
    assert ours is not None
    width = plain[1] - plain[0]
    assert ours.low == pytest.approx(plain[0], abs=0.1 * width)
    assert ours.high == pytest.approx(plain[1], abs=0.1 * width)


@pytest.mark.parametrize("count", [60, 2500])
def test_means_are_those_of_real_resamples(count: int) -> None:
    """2,500 samples go through groups, which keep the spread of the mean."""
    base, new = draws(Random(6), count), draws(Random(7), count)
    ours = ratio_of_means(base, new)
    generator = np.random.default_rng(8)
    sides = [generator.choice(np.array(side), (2000, count)).mean(axis=1) for side in (new, base)]
    plain = np.quantile(sides[0] / sides[1], [0.025, 0.975])
    assert ours is not None
    assert ours == pytest.approx(tuple(plain), abs=0.12 * (plain[1] - plain[0]))


def test_equal_servers_are_noise_nineteen_times_of_twenty() -> None:
    random = Random(9)
    intervals = [ratio_of_quantiles(draws(random, 80), draws(random, 80), 0.5, resamples=400) for _ in range(200)]
    noise = sum(judge(interval, "lower") == "noise" for interval in intervals)
    assert noise >= 0.9 * 200


def test_a_true_difference_is_seen() -> None:
    random = Random(10)
    interval = ratio_of_quantiles(draws(random, 400), draws(random, 400, 1.3), 0.5)
    assert interval is not None
    assert interval.low < 1.3 < interval.high
    assert judge(interval, "lower") == "worse"
    assert judge(interval, "higher") == "better"
    assert judge(interval, "neither") == "unknown"
    assert judge(None, "lower") == "unknown"


def test_two_thousand_resamples_of_a_thousand_are_quick() -> None:
    base, new = draws(Random(1), 1000), draws(Random(2), 1000)
    begin = time.process_time()
    ratio_of_quantiles(base, new, 0.99)
    ratio_of_means(base, new)
    assert time.process_time() - begin < 5


def test_rates_are_sums_by_sums() -> None:
    random = Random(11)
    base = [(10.0, random.uniform(1, 2)) for _ in range(3000)]
    interval = ratio_of_rates(base, [(20.0, taken) for _, taken in base])
    assert interval is not None
    assert interval.low < 2 < interval.high
    assert interval.high - interval.low < 0.1


def test_neighbours_in_time_that_are_alike_widen_the_interval() -> None:
    random = Random(12)
    series = [
        100 + 20 * level + random.uniform(-1, 1) for level in (random.gauss(0, 1) for _ in range(40)) for _ in range(5)
    ]
    blocks, single = ratio_of_series(series, series), ratio_of_means(series, series)
    assert blocks is not None
    assert single is not None
    assert blocks.high - blocks.low > 1.4 * (single.high - single.low)


def test_shares_know_that_no_failure_is_not_never() -> None:
    same = ratio_of_shares((0, 100), (0, 100))
    assert same is not None
    assert same.low < 1 < same.high
    assert judge(ratio_of_shares((0, 100), (1, 100)), "lower") == "noise"
    assert judge(ratio_of_shares((0, 100), (30, 100)), "lower") == "worse"
    assert judge(ratio_of_shares((50, 100), (95, 100)), "higher") == "better"
    assert ratio_of_shares((0, 0), (1, 100)) is None


def test_rounds_are_judged_by_their_own_spread() -> None:
    assert ratio_of_pairs([1.1]) is None
    assert ratio_of_pairs([1.1, 0.0]) is None
    interval = ratio_of_pairs([1.10, 1.12, 1.08, 1.11, 1.09])
    assert interval is not None
    assert interval.low == pytest.approx(1.0803, abs=1e-3)
    assert interval.high == pytest.approx(1.1199, abs=1e-3)
    wide = ratio_of_pairs([1.3, 0.8])
    assert wide is not None
    assert wide.low < 1 < wide.high


def test_students_t_is_the_table_and_then_the_series() -> None:
    for freedom, value in ((1, 12.706), (10, 2.228), (11, 2.201), (20, 2.086), (30, 2.042), (1000, 1.962)):
        assert student_t95(freedom) == pytest.approx(value, abs=3e-3)


def test_nothing_to_compare_has_no_interval() -> None:
    for found in (
        ratio_of_quantiles([], [1.0], 0.5),
        ratio_of_means([1.0], []),
        ratio_of_means([0.0], [1.0]),
        ratio_of_rates([], []),
        ratio_of_rates([(1.0, 0.0)], [(1.0, 1.0)]),
        ratio_of_series([], [1.0]),
    ):
        assert found is None
    assert Interval(1.0, 2.0).scaled(2.0) == Interval(2.0, 4.0)

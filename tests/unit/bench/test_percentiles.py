"""Percentiles equal numpy's, and are given only where the sample allows them."""

from __future__ import annotations

import time
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.bench.metrics.percentiles import (
    PERMILLE,
    describe,
    describe_weighted,
    needed,
    quantile,
    weighted_quantile,
)

VALUES = st.floats(0, 1e6, allow_nan=False)


@given(st.lists(VALUES, min_size=1, max_size=300), st.sampled_from(sorted(PERMILLE.values())))
def test_a_quantile_is_numpys(samples: list[float], part: int) -> None:
    assert quantile(sorted(samples), part / 1000) == pytest.approx(np.quantile(samples, part / 1000), rel=1e-12)


@given(st.lists(st.tuples(VALUES, st.integers(0, 9)), max_size=60), st.floats(0, 1))
def test_a_weighted_quantile_is_that_of_the_written_out_list(pairs: list[tuple[float, int]], share: float) -> None:
    written_out = [value for value, weight in pairs for _ in range(weight)]
    found = weighted_quantile(pairs, share)
    if not written_out:
        assert found is None
    else:
        assert found == pytest.approx(np.quantile(written_out, share), rel=1e-9)


@given(st.lists(VALUES, min_size=1, max_size=300))
def test_moments_are_numpys(samples: list[float]) -> None:
    found = describe(samples)
    assert found is not None
    assert found.mean == pytest.approx(np.mean(samples), rel=1e-12)
    assert found.std == pytest.approx(np.std(samples), rel=1e-9, abs=1e-6)
    assert (found.low, found.high, found.count) == (min(samples), max(samples), len(samples))


@given(st.lists(st.tuples(VALUES, st.integers(1, 9)), min_size=1, max_size=100))
def test_weighted_moments_are_those_of_the_written_out_list(pairs: list[tuple[float, int]]) -> None:
    written_out = np.array([value for value, weight in pairs for _ in range(weight)])
    found = describe_weighted(pairs)
    assert found is not None
    assert (found.count, found.observations) == (len(written_out), len(pairs))
    assert found.mean == pytest.approx(written_out.mean(), rel=1e-12)
    assert found.std == pytest.approx(written_out.std(), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("stat", "count"), [("p50", 20), ("p90", 100), ("p95", 200), ("p99", 1000), ("p99.9", 10_000)])
def test_a_percentile_takes_ten_samples_beyond_it(stat: str, count: int) -> None:
    assert needed(stat) == count
    enough, short = describe(range(count)), describe(range(count - 1))
    assert enough is not None
    assert short is not None
    assert stat in enough.quantiles
    assert stat not in short.quantiles
    assert short.missing[stat] == f"N={count - 1}"
    assert short.to_json()[stat] is None


def test_tokens_of_one_chunk_are_one_observation() -> None:
    """A thousand tokens in fifty chunks are fifty measured gaps: no p99 comes from that."""
    found = describe_weighted([(0.1, 20)] * 50)
    assert found is not None
    assert set(found.quantiles) == {"p50"}
    assert found.to_json()["missing"]["p99"] == "N=50"


def test_equal_samples_give_exactly_themselves() -> None:
    found = describe([0.1] * 10_000)
    assert found is not None
    assert set(found.quantiles.values()) == {0.1}
    assert found.median_interval == (0.1, 0.1)


def test_nothing_has_no_distribution() -> None:
    assert describe([]) is None
    assert describe_weighted([(1.0, 0)]) is None


def test_the_interval_of_the_median_holds_the_median_nineteen_times_of_twenty() -> None:
    random = Random(3)
    held = 0
    for _ in range(400):
        found = describe([random.expovariate(1) for _ in range(50)])
        assert found is not None
        assert found.median_interval is not None
        held += found.median_interval[0] <= 0.6931 <= found.median_interval[1]
    assert held >= 0.94 * 400


def test_a_hundred_thousand_gaps_are_quick() -> None:
    random = Random(1)
    pairs = [(random.random(), random.randint(1, 4)) for _ in range(100_000)]
    begin = time.process_time()
    assert describe_weighted(pairs) is not None
    assert time.process_time() - begin < 2

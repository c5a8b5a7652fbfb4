"""When requests arrive: known rates, known shapes, the same for the same seed."""

from __future__ import annotations

import statistics
from itertools import islice, pairwise

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.load.arrivals import Arrivals, Constant, Gamma, Ramp, Trace, poisson
from sgl_cli.bench.load.plan import LoadPlan, opened
from sgl_cli.bench.load.work import endless, works
from sgl_cli.bench.prompt import Prompt


def gaps(arrivals: Arrivals, count: int) -> list[float]:
    return [later - earlier for earlier, later in pairwise(islice(arrivals.times(), count + 1))]


def test_constant_is_even() -> None:
    assert list(islice(Constant(4).times(), 3)) == [0.0, 0.25, 0.5]


def test_poisson_has_its_rate_and_its_spread() -> None:
    found = gaps(poisson(8, seed=1), 20_000)
    assert statistics.mean(found) == pytest.approx(1 / 8, rel=0.03)
    assert statistics.stdev(found) == pytest.approx(1 / 8, rel=0.05)
    assert found == gaps(poisson(8, seed=1), 20_000)
    assert found != gaps(poisson(8, seed=2), 20_000)


@pytest.mark.parametrize("burstiness", [0.5, 4.0])
def test_burstiness_is_the_shape_of_a_gamma_distribution(burstiness: float) -> None:
    found = gaps(Gamma(8, burstiness, seed=1), 20_000)
    assert statistics.mean(found) == pytest.approx(1 / 8, rel=0.05)
    assert (statistics.stdev(found) * 8) ** 2 == pytest.approx(1 / burstiness, rel=0.1)


@pytest.mark.parametrize(
    ("ramp", "in_the_ramp"),
    [
        (Ramp(2, 10, 100, seed=None), 600),
        (Ramp(10, 2, 100, seed=None), 600),
        (Ramp(0, 10, 100, seed=None), 500),
        (Ramp(5, 5, 100, seed=None), 500),
        (Ramp(1, 10, 100, "exponential", seed=None), 391),
    ],
)
def test_a_ramp_has_the_integral_of_its_rate(ramp: Ramp, in_the_ramp: int) -> None:
    found = list(islice(ramp.times(), 2000))
    assert sum(at <= ramp.over for at in found) == pytest.approx(in_the_ramp, abs=1.5)
    assert found == sorted(found)
    after = [later - earlier for earlier, later in pairwise(at for at in found if at > ramp.over)]
    assert after == pytest.approx([1 / ramp.end] * len(after))


def test_a_ramp_to_nothing_ends() -> None:
    assert len(list(Ramp(10, 0, 10, seed=None).times())) == pytest.approx(50, abs=1.5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(0),
        lambda: Gamma(1, 0),
        lambda: Ramp(0, 0, 1),
        lambda: Ramp(0, 1, 1, "exponential"),
        lambda: Ramp(1, 2, 0),
        lambda: Trace(-1),
        lambda: LoadPlan(),
        lambda: LoadPlan(concurrency=0),
        lambda: LoadPlan(concurrency=1, duration=0),
    ],
)
def test_what_is_no_load_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(UsageError):
        make()


def test_a_trace_is_stretched_and_a_duration_ends_it() -> None:
    prompts = [Prompt(index, 1, text="x", at=float(index)) for index in range(10)]
    found = [work.at for work in works(prompts, opened(Trace(0.5), duration=2.0))]
    assert found == [0.0, 0.5, 1.0, 1.5]


def test_only_first_turns_have_a_time() -> None:
    prompts = [Prompt(index, 1, text="x", conversation=index // 2, turn=index % 2) for index in range(4)]
    assert [work.at for work in works(prompts, opened(Constant(1)))] == [0.0, None, 1.0, None]


def test_prompts_that_end_too_early_come_again_as_new_conversations() -> None:
    prompts = [Prompt(0, 1, text="a", conversation=0), Prompt(1, 1, text="b", conversation=1), Prompt(2, 1, text="c")]
    again = list(islice(endless(prompts), 6))[3:]
    assert [prompt.conversation for prompt in again] == [2, 3, None]
    assert list(endless([])) == []

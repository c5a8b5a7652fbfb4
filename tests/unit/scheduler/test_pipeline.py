"""Steps in flight: their order, their fences, and what a failure takes with it."""

from __future__ import annotations

import numpy as np
import pytest

from sgl.batch.batch import Batch, Drawn, Entry, EntryResult, StepResult
from sgl.batch.request import Request
from sgl.kvcache.cache import PrefixCache
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.scheduler.pipeline import Pipeline


class Scripted:
    """Steps that end as told, by the number of their launch; "never" does not even start."""

    overlaps = True
    keeps_history = True

    def __init__(self, *ends: str) -> None:
        self.waited: list[int] = []
        self._ends = list(ends)
        self._launched = 0

    def launch(self, batch: Batch) -> ScriptedStep:
        self._launched += 1
        end = self._ends[self._launched - 1]
        if end == "never":
            raise RuntimeError("not launched")
        return ScriptedStep(self, self._launched - 1, end)


class ScriptedStep:
    def __init__(self, runner: Scripted, number: int, end: str) -> None:
        self._runner, self._number, self._end = runner, number, end

    def wait(self) -> StepResult:
        self._runner.waited.append(self._number)
        if self._end == "fails":
            raise RuntimeError(f"step {self._number} failed")
        return StepResult((EntryResult((Drawn(7),)),))


def make_request(cache: PrefixCache, rid: int = 1) -> Request:
    """A running request of four prompt tokens."""
    request = Request(
        rid,
        np.arange(3, 7, dtype=np.int32),
        SamplingParams(temperature=0.0),
        seed=0,
        max_new_tokens=5,
        eos_token_ids=(),
        logprobs=LogprobRequest(),
        namespace="",
        arrival=0.0,
    )
    request.lease = cache.open("", request.token_ids)
    assert request.lease is not None
    assert cache.extend(request.lease, 9)
    return request


def batch_of(request: Request) -> Batch:
    """The next step of one request."""
    assert request.lease is not None
    start, count = request.launched, request.pending
    return Batch((Entry(request, request.lease, start, count, draws=True, ahead=request.drawing),))


def state(request: Request) -> tuple[int, int, int]:
    return request.computed, request.launched, request.drawing


@pytest.fixture
def cache() -> PrefixCache:
    return PrefixCache(16, 4, 4, 32)


def test_launched_steps_count_until_they_land(cache: PrefixCache) -> None:
    pipeline, request = Pipeline(Scripted("ends", "ends"), cache), make_request(cache)
    first = batch_of(request)
    assert pipeline.launch(first)
    assert state(request) == (0, 4, 1)
    second = batch_of(request)
    assert second.entries[0].future
    assert pipeline.launch(second)
    assert state(request) == (0, 5, 2)
    assert pipeline.oldest is first
    pipeline.wait()
    assert state(request) == (0, 5, 1)
    assert pipeline.oldest is second
    assert pipeline.depth == 1


@pytest.mark.parametrize("second", ["ends", "fails", "never"])
def test_a_failure_ends_what_is_behind_it_and_everything_is_as_computed(cache: PrefixCache, second: str) -> None:
    runner = Scripted("fails", second)
    pipeline, one, other = Pipeline(runner, cache), make_request(cache), make_request(cache, 2)
    assert pipeline.launch(batch_of(one))
    assert pipeline.launch(batch_of(other)) == (second != "never")
    with pytest.raises(RuntimeError, match="step 0 failed"):
        pipeline.wait()
    assert pipeline.depth == 0
    assert runner.waited == ([0] if second == "never" else [0, 1])
    assert state(one) == state(other) == (0, 0, 0)
    for request in (one, other):
        assert request.lease is not None
        cache.release(request.lease)
    assert cache.pages.fenced_count == 0
    assert cache.available_tokens == cache.total_tokens


def test_a_launch_that_raised_says_so_in_its_turn(cache: PrefixCache) -> None:
    pipeline, request = Pipeline(Scripted("ends", "never"), cache), make_request(cache)
    assert pipeline.launch(batch_of(request))
    assert not pipeline.launch(batch_of(request))
    pipeline.wait()
    with pytest.raises(RuntimeError, match="not launched"):
        pipeline.wait()
    assert pipeline.depth == 0


@pytest.mark.parametrize("end", ["ends", "fails"])
def test_a_step_says_nothing_about_a_request_that_has_another_lease_by_now(cache: PrefixCache, end: str) -> None:
    pipeline, request = Pipeline(Scripted(end), cache), make_request(cache)
    assert pipeline.launch(batch_of(request))
    assert request.lease is not None
    cache.release(request.lease)
    request.lease = cache.open("", request.token_ids)
    request.rewind(0)
    request.launch(2, draws=False)
    if end == "ends":
        pipeline.wait()
    else:
        with pytest.raises(RuntimeError, match="step 0 failed"):
            pipeline.wait()
    assert state(request) == (0, 2, 0)
    assert cache.pages.fenced_count == 0

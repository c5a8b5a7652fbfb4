"""The scheduler's promises, step by step and with steps in flight, over a runner that checks every KV slot it reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from sgl.batch.batch import Entry
from sgl.protocol.messages import Abort, FlushCache, Flushed, LogprobRequest, Probe, Stats
from sgl.scheduler.policy import longest_prefix_match
from tests.fake_runner import FakeRunner, fake_engine, reference
from tests.harness import LocalEngine, generate

Make = Callable[..., tuple[LocalEngine, FakeRunner]]


@pytest.fixture(params=[False, True], ids=["in order", "overlapped"])
def make(request: pytest.FixtureRequest) -> Make:
    """Builds an engine; see `fake_engine`."""
    return partial(fake_engine, overlaps=request.param)


def prompt(seed: int, length: int) -> list[int]:
    return np.random.default_rng(seed).integers(3, 900, length).tolist()


def test_many_requests_give_the_answers_of_one_alone(make: Make) -> None:
    engine, _ = make()
    prompts = {rid: prompt(rid, 1 + rid * 7 % 60) for rid in range(40)}
    engine.submit(*(generate(rid, ids, max_new_tokens=20) for rid, ids in prompts.items()))
    engine.finish()
    for rid, ids in prompts.items():
        assert engine.answers[rid].tokens == reference(ids, 20)


def test_sixty_requests_finish_in_a_pool_for_one(make: Make) -> None:
    engine, _ = make(tokens=72, context=64, running=16)
    prompts = {rid: prompt(rid, 30) for rid in range(60)}
    engine.submit(*(generate(rid, ids, max_new_tokens=34) for rid, ids in prompts.items()))
    engine.finish(limit=20000)
    for rid, ids in prompts.items():
        assert engine.answers[rid].tokens == reference(ids, 34)


def test_a_retracted_request_goes_on_with_the_same_tokens_and_the_oldest_is_never_retracted(make: Make) -> None:
    engine, _ = make(tokens=160, context=160, running=8)
    prompts = {rid: prompt(rid, 4) for rid in range(6)}
    engine.submit(*(generate(rid, ids, max_new_tokens=100) for rid, ids in prompts.items()))
    engine.finish()
    assert sum(answer.retractions for answer in engine.answers.values()) > 0
    assert engine.answers[0].retractions == 0
    for rid, ids in prompts.items():
        assert engine.answers[rid].tokens == reference(ids, 100)


@pytest.mark.parametrize("chunk", [128, 1024])
def test_a_prefix_that_is_still_being_computed_is_shared(make: Make, chunk: int) -> None:
    engine, runner = make(tokens=4096, context=1024, chunk=chunk)
    shared = prompt(1, 768)
    prompts = {rid: shared + prompt(100 + rid, 32) for rid in range(16)}
    engine.submit(*(generate(rid, ids, max_new_tokens=1) for rid, ids in prompts.items()))
    engine.finish()
    assert sum(runner.computed) == 768 + 16 * 32
    assert [engine.answers[rid].cached_tokens for rid in range(16)] == [0] + [768] * 15


def test_without_the_radix_cache_nothing_is_shared_and_answers_are_the_same(make: Make) -> None:
    engine, runner = make(tokens=4096, radix=False)
    ids = prompt(1, 64)
    engine.submit(*(generate(rid, ids, max_new_tokens=4) for rid in range(3)))
    engine.finish()
    assert all(answer.tokens == reference(ids, 4) and answer.cached_tokens == 0 for answer in engine.answers.values())
    assert sum(runner.computed) == 3 * (64 + 3)


def test_chunks_and_decodes_share_a_step_under_the_budget(make: Make) -> None:
    engine, runner = make(tokens=1024, chunk=16)
    engine.submit(generate(1, prompt(1, 5), max_new_tokens=30))
    engine.step()
    engine.submit(generate(2, prompt(2, 100), max_new_tokens=5))
    engine.step()
    engine.step()
    assert runner.computed[1] == 16
    assert len(engine.answers[1].tokens) == len(runner.computed), "the decode went on beside the chunks"
    engine.finish()
    assert max(runner.computed) <= 16
    assert engine.answers[2].tokens == reference(prompt(2, 100), 5)


@pytest.mark.parametrize("steps", [0, 1, 2, 6, 40])
def test_an_abort_gives_everything_back_at_once(make: Make, steps: int) -> None:
    engine, _ = make(tokens=512, chunk=16)
    cache = engine.scheduler._cache
    engine.submit(generate(1, prompt(1, 50), max_new_tokens=20), generate(2, prompt(2, 10), max_new_tokens=20))
    for _ in range(steps):
        engine.step()
    engine.scheduler.receive(Abort(1))
    engine.scheduler.receive(Abort(1))
    engine.scheduler.receive(Abort(99))
    engine.collect()
    finish = engine.answers[1].finish
    assert finish is not None
    assert finish.kind == ("length" if steps == 40 else "abort")
    assert cache.check(thorough=True) == []
    engine.finish()
    assert engine.answers[2].tokens == reference(prompt(2, 10), 20)
    assert cache.available_tokens == cache.total_tokens


def test_a_request_that_breaks_the_step_fails_alone(make: Make) -> None:
    culprit = 5

    def breaks(entry: Entry) -> bool:
        return entry.request.rid == culprit and entry.request.generated + entry.ahead == 3

    engine, _ = make(breaks=breaks)
    engine.submit(*(generate(rid, prompt(rid, 6), max_new_tokens=10) for rid in range(9)))
    engine.finish()
    for rid in range(9):
        failure = engine.answers[rid].failure
        if rid == culprit:
            assert failure is not None
            assert failure.http_status == 500
        else:
            assert failure is None
            assert engine.answers[rid].tokens == reference(prompt(rid, 6), 10)


def test_non_finite_logits_fail_one_request_and_leave_nothing_in_the_tree(make: Make) -> None:
    ids = prompt(3, 33)
    engine, _ = make(poisons=lambda entry: entry.request.rid == 1)
    engine.submit(generate(1, ids, max_new_tokens=5), generate(2, prompt(4, 9), max_new_tokens=5))
    engine.finish()
    failure = engine.answers[1].failure
    assert failure is not None
    assert failure.code == "nan_logits"
    assert failure.http_status == 500
    assert engine.answers[2].tokens == reference(prompt(4, 9), 5)
    again = engine.ask(ids, max_new_tokens=5)
    assert again.cached_tokens == 0
    assert again.tokens == reference(ids, 5)


def test_a_request_that_cannot_fit_is_refused_with_the_numbers(make: Make) -> None:
    engine, _ = make(tokens=64, context=256)
    engine.submit(generate(1, prompt(1, 40), max_new_tokens=30), generate(2, prompt(1, 40), max_new_tokens=24))
    failure = engine.answers[1].failure
    assert failure is not None
    assert failure.http_status == 400
    assert failure.code == "context_length_exceeded"
    assert all(number in failure.message for number in ("64", "40", "30", "70"))
    engine.finish()
    assert engine.answers[2].tokens == reference(prompt(1, 40), 24)


def test_a_full_queue_refuses_with_503(make: Make) -> None:
    engine, _ = make(queued=3)
    engine.submit(*(generate(rid, prompt(rid, 5), max_new_tokens=2) for rid in range(5)))
    refused = [rid for rid, answer in engine.answers.items() if answer.failure is not None]
    assert refused == [3, 4]
    assert engine.answers[3].failure is not None
    assert engine.answers[3].failure.http_status == 503
    engine.finish()


def test_token_ids_outside_the_vocabulary_are_refused(make: Make) -> None:
    engine, _ = make()
    engine.submit(generate(1, [5, 1000], max_new_tokens=2), generate(2, [-1], max_new_tokens=2))
    assert all(engine.answers[rid].failure is not None for rid in (1, 2))


def test_logprobs_that_cannot_be_given_are_refused(make: Make) -> None:
    engine, _ = make()
    engine.submit(
        generate(1, [5], max_new_tokens=2, logprobs=LogprobRequest(output=True, top=21)),
        generate(2, [5], max_new_tokens=2, logprobs=LogprobRequest(output=True, token_ids=(1000,))),
    )
    params = [failure.param for rid in (1, 2) if (failure := engine.answers[rid].failure) is not None]
    assert params == ["top_logprobs", "token_ids_logprob"]


@pytest.mark.parametrize("chunk", [16, 64])
def test_zero_new_tokens_only_fill_the_cache(make: Make, chunk: int) -> None:
    engine, _ = make(chunk=chunk)
    ids = prompt(1, 40)
    answer = engine.ask(ids, max_new_tokens=0)
    assert answer.tokens == []
    assert answer.finish is not None
    assert answer.finish.kind == "length"
    assert engine.ask([*ids, 7], max_new_tokens=1).cached_tokens == 40


def test_namespaces_do_not_share(make: Make) -> None:
    engine, _ = make()
    ids = prompt(1, 40)
    engine.ask(ids, max_new_tokens=1, namespace="a")
    assert engine.ask(ids, max_new_tokens=1, namespace="b").cached_tokens == 0
    assert engine.ask(ids, max_new_tokens=1, namespace="a").cached_tokens == 36


def test_longest_prefix_match_goes_first(make: Make) -> None:
    for lpm, expected in ((False, [1, 2]), (True, [2, 1])):
        engine, _ = make(running=1)
        cached = prompt(1, 40)
        if lpm:
            cache = engine.scheduler._cache
            engine.scheduler.planner._order = longest_prefix_match(
                lambda request, cache=cache: cache.peek(request.namespace, request.token_ids)
            )
        engine.submit(generate(9, cached, max_new_tokens=3))
        engine.step()
        engine.submit(generate(1, prompt(5, 8), max_new_tokens=2), generate(2, [*cached, 4], max_new_tokens=2))
        ended: list[int] = []
        while engine.step():
            ended += [rid for rid in (1, 2) if engine.answers[rid].finish is not None and rid not in ended]
        assert ended == expected


def test_flush_is_refused_while_requests_run_and_done_after(make: Make) -> None:
    engine, _ = make()
    engine.submit(generate(1, prompt(1, 30), max_new_tokens=3))
    engine.step()
    engine.scheduler.receive(FlushCache(5))
    answer = engine.io.sent.pop()
    assert isinstance(answer, Flushed)
    assert not answer.ok
    assert "1 requests running" in answer.message
    engine.finish()
    engine.scheduler.receive(FlushCache(6))
    assert engine.io.sent.pop() == Flushed(6, True, "Cache flushed.")
    assert engine.ask(prompt(1, 30), max_new_tokens=1).cached_tokens == 0


def test_stats_count_what_was_answered(make: Make) -> None:
    engine, _ = make()
    engine.ask(prompt(1, 30), max_new_tokens=3)
    engine.ask(prompt(1, 30), max_new_tokens=3)
    engine.io.sent.clear()
    engine.scheduler.receive(Probe(77))
    stats = engine.io.sent.pop()
    assert isinstance(stats, Stats)
    assert stats.ticket == 77
    assert (stats.prompt_tokens_total, stats.cached_tokens_total, stats.generated_tokens_total) == (60, 28, 6)
    assert (stats.finished_total, stats.running, stats.queued, stats.kv_used) == (2, 0, 0, 0)

"""What is special about planning a step while another one is in flight."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any, cast

import numpy as np
import pytest

from sgl.batch.batch import Batch, Entry, StepResult
from sgl.engine.prepare import prepare
from sgl.protocol.messages import Abort, FlushCache, Flushed, Stats, Stop
from sgl.scheduler import loop
from tests.fake_runner import EOS, FakeRunner, Flight, ending_token, fake_engine, reference
from tests.harness import generate
from tests.unit.spec.test_speculation import Oracle


def prompt(seed: int, length: int) -> list[int]:
    return np.random.default_rng(seed).integers(3, 900, length).tolist()


def test_a_request_knows_what_steps_in_flight_do() -> None:
    engine, _ = fake_engine()
    engine.submit(generate(1, prompt(1, 10), max_new_tokens=2))
    (request,) = engine.scheduler.planner.waiting
    assert (request.pending, request.prefilling, request.decoding) == (10, True, False)
    request.launch(6, draws=False)
    assert (request.pending, request.prefilling, request.decoding) == (4, True, False)
    request.launch(10, draws=True)
    assert (request.pending, request.prefilling, request.decoding, request.ending) == (1, True, True, False)
    request.land(draws=False)
    request.compute(6)
    assert (request.computed, request.launched, request.drawing) == (6, 10, 1)
    request.land(draws=True)
    request.compute(10)
    request.append(7)
    assert (request.pending, request.prefilling, request.decoding, request.ending) == (1, False, True, False)
    request.launch(11, draws=True)
    assert (request.pending, request.ending) == (1, True)
    request.rewind(request.computed)
    assert (request.pending, request.ending, request.launched) == (1, False, 10)


def watch(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes launches and waits, each with the number of its step."""
    notes: list[str] = []
    flights: list[Flight] = []
    launch, wait = runner.launch, Flight.wait

    def noting_launch(batch: Batch) -> Any:
        notes.append(f"launch {len(flights)}")
        flights.append(cast(Flight, launch(batch)))
        return flights[-1]

    def noting_wait(flight: Flight) -> StepResult:
        notes.append(f"wait {flights.index(flight)}")
        return wait(flight)

    monkeypatch.setattr(runner, "launch", noting_launch)
    monkeypatch.setattr(Flight, "wait", noting_wait)
    return notes


def test_a_step_is_launched_before_the_one_in_front_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, runner = fake_engine(overlaps=True)
    notes = watch(runner, monkeypatch)
    answer = engine.ask([5, 6], max_new_tokens=4)
    assert answer.tokens == reference([5, 6], 4)
    assert " ".join(notes) == "launch 0 launch 1 wait 0 launch 2 wait 1 launch 3 wait 2 wait 3"


def test_switched_off_every_step_is_waited_for_and_the_tokens_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, runner = fake_engine(overlaps=True, overlap=False)
    notes = watch(runner, monkeypatch)
    answer = engine.ask([5, 6], max_new_tokens=4)
    assert answer.tokens == reference([5, 6], 4)
    assert " ".join(notes) == "launch 0 wait 0 launch 1 wait 1 launch 2 wait 2 launch 3 wait 3"


def test_with_guesses_no_step_is_launched_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, runner = fake_engine(overlaps=True, proposer=Oracle(2), max_drafts=3)
    notes = watch(runner, monkeypatch)
    assert engine.ask([5, 6, 7], max_new_tokens=12).tokens == reference([5, 6, 7], 12)
    assert " ".join(notes[:4]) == "launch 0 wait 0 launch 1 wait 1"
    assert len(runner.computed) <= 6


def test_an_end_token_costs_one_result_and_a_foreseen_end_none() -> None:
    ends = next(ids for seed in range(99) if EOS in reference(ids := prompt(seed, 5), 9, ending_token)[1:8])
    engine, runner = fake_engine(overlaps=True, follow=ending_token)
    tokens = engine.ask(ends, max_new_tokens=9).tokens
    assert tokens == reference(ends, 9, ending_token)
    assert tokens[-1] == EOS
    assert len(runner.computed) == len(tokens) + 1
    assert runner.wasted == {1: 1}

    engine, runner = fake_engine(overlaps=True, follow=ending_token)
    assert engine.ask(ends, max_new_tokens=len(tokens) - 1).tokens == tokens[:-1]
    assert len(runner.computed) == len(tokens) - 1
    assert not runner.wasted


@pytest.mark.parametrize("keeps_history", [False, True])
def test_a_penalised_request_waits_for_its_token_unless_the_runner_counts(keeps_history: bool) -> None:
    engine, runner = fake_engine(overlaps=True, keeps_history=keeps_history)
    engine.submit(
        generate(1, prompt(1, 4), max_new_tokens=6, frequency_penalty=0.5),
        generate(2, prompt(2, 4), max_new_tokens=12),
    )
    while engine.answers[1].finish is None:
        engine.step()
    # Beside it the other one goes on, twice as fast where the penalised one sits every other step out.
    assert len(engine.answers[2].tokens) == (6 if keeps_history else 11)
    engine.finish()
    assert engine.answers[1].tokens == reference(prompt(1, 4), 6)
    assert engine.answers[2].tokens == reference(prompt(2, 4), 12)
    assert not runner.wasted


def test_nothing_is_retracted_while_a_step_is_in_flight() -> None:
    engine, _ = fake_engine(tokens=48, page_size=4, context=48, running=4, overlaps=True)
    planner = engine.scheduler.planner
    engine.submit(*(generate(rid, prompt(rid, 6), max_new_tokens=30) for rid in range(3)))
    plan, starved = planner.plan, []

    def noting(now: float, *, in_flight: bool = False) -> Batch | None:
        before = planner.retractions_total
        batch = plan(now, in_flight=in_flight)
        assert not in_flight or planner.retractions_total == before
        starved.append(in_flight and batch is None and not any(request.ending for request in planner.running))
        return batch

    setattr(planner, "plan", noting)  # noqa: B010
    engine.finish()
    assert any(starved)
    assert planner.retractions_total > 0
    assert engine.answers[0].retractions == 0
    for rid in range(3):
        assert engine.answers[rid].tokens == reference(prompt(rid, 6), 30)


def test_pages_of_an_aborted_request_stay_behind_the_fence_until_its_step_has_landed() -> None:
    engine, runner = fake_engine(overlaps=True)
    cache = engine.scheduler._cache
    engine.submit(generate(1, prompt(1, 30), max_new_tokens=8))
    engine.step()
    engine.scheduler.receive(Abort(1))
    assert cache.pages.fenced_count == 8
    assert engine.scheduler.planner.idle
    assert not engine.scheduler.idle
    engine.scheduler.receive(FlushCache(3))
    assert engine.io.sent.pop() == Flushed(3, True, "Cache flushed.")
    assert engine.step(), "the step in flight is waited for"
    assert engine.scheduler.idle
    assert cache.available_tokens == cache.total_tokens
    assert runner.wasted == {1: 1}
    assert not engine.step()


def test_a_request_that_waits_for_fenced_pages_is_not_refused() -> None:
    engine, _ = fake_engine(tokens=64, context=64, overlaps=True, radix=False)
    engine.submit(generate(1, prompt(1, 50), max_new_tokens=8))
    engine.step()
    engine.scheduler.receive(Abort(1))
    answer = engine.ask(prompt(2, 50), max_new_tokens=8)
    assert answer.failure is None
    assert answer.tokens == reference(prompt(2, 50), 8)


def test_the_loop_does_not_rest_with_a_step_in_flight() -> None:
    engine, runner = fake_engine(overlaps=True, follow=ending_token)
    engine.io.push(generate(1, prompt(1, 30), max_new_tokens=8), generate(2, prompt(2, 5), max_new_tokens=20))
    engine.io.push()
    engine.io.push(Abort(1))
    engine.scheduler.run()
    assert runner.wasted[1] == 1
    last = engine.io.sent[-1]
    assert isinstance(last, Stats)
    assert (last.running, last.kv_used, last.invariant_violations_total) == (0, 0, 0)


def test_stop_ends_the_loop_at_once() -> None:
    engine, _ = fake_engine(overlaps=True)
    engine.io.push(generate(1, prompt(1, 30), max_new_tokens=8))
    engine.io.push()
    engine.io.push(Stop())
    engine.scheduler.run()
    assert engine.scheduler._pipeline.depth == 1


def test_a_launch_that_raises_is_heard_after_the_step_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, runner = fake_engine(overlaps=True)
    launch = runner.launch

    def failing(batch: Batch) -> Any:
        if any(entry.request.rid == 2 and entry.start >= 7 for entry in batch.entries):
            raise RuntimeError("no memory, on purpose")
        return launch(batch)

    monkeypatch.setattr(runner, "launch", failing)
    engine.submit(*(generate(rid, prompt(rid, 5), max_new_tokens=9) for rid in range(1, 5)))
    engine.finish()
    assert engine.answers[2].failure is not None
    assert engine.answers[2].tokens == reference(prompt(2, 5), 3), "what was in flight still counts"
    for rid in (1, 3, 4):
        assert engine.answers[rid].tokens == reference(prompt(rid, 5), 9)


def test_a_launch_that_raised_holds_no_memory_when_its_parts_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop.log, "disabled", True)  # a handler of the tests keeps the traceback
    engine, runner = fake_engine(overlaps=True)
    launch = runner.launch
    held: list[weakref.ref[Any]] = []

    def failing(batch: Batch) -> Any:
        assert not any(big() is not None for big in held), "the failed launch is still held"
        if len(batch.entries) > 1:
            big = np.empty(8)
            held.append(weakref.ref(big))
            raise RuntimeError("no memory, on purpose")
        return launch(batch)

    monkeypatch.setattr(runner, "launch", failing)
    engine.submit(*(generate(rid, prompt(rid, 5), max_new_tokens=3) for rid in (1, 2)))
    gc.disable()
    try:
        engine.step()
    finally:
        gc.enable()
    assert len(held) == 1
    engine.finish()
    assert engine.answers[2].tokens == reference(prompt(2, 5), 3)


def test_a_prompt_launched_behind_a_broken_step_is_computed_again() -> None:
    engine, _ = fake_engine(overlaps=True, breaks=lambda entry: entry.request.rid == 1)
    engine.submit(generate(1, prompt(1, 5), max_new_tokens=3))
    engine.step()
    engine.submit(generate(2, prompt(2, 30), max_new_tokens=3))
    engine.finish()
    assert engine.answers[1].failure is not None
    assert engine.answers[2].tokens == reference(prompt(2, 30), 3)


@pytest.mark.parametrize("others", [0, 1])
def test_a_culprit_aborted_in_flight_takes_nobody_with_it(others: int, caplog: pytest.LogCaptureFixture) -> None:
    def breaks(entry: Entry) -> bool:
        return entry.request.rid == 2

    engine, _ = fake_engine(overlaps=True, breaks=breaks)
    engine.submit(*(generate(rid, prompt(rid, 5), max_new_tokens=3) for rid in (1, 2)[1 - others :]))
    engine.step()
    engine.scheduler.receive(Abort(2))
    with caplog.at_level(logging.CRITICAL):
        engine.finish()
    assert engine.answers[2].failure is None
    if others:
        assert engine.answers[1].tokens == reference(prompt(1, 5), 3)


def test_a_runner_of_one_step_at_a_time_refuses_a_token_that_is_being_drawn() -> None:
    engine, _ = fake_engine(overlaps=True)
    engine.submit(generate(1, prompt(1, 5), max_new_tokens=3))
    engine.step()
    batch = engine.scheduler.planner.plan(0.0, in_flight=True)
    assert batch is not None
    assert batch.entries[0].future
    with pytest.raises(ValueError, match="still being drawn"):
        prepare(batch, engine.scheduler._cache.rows)
    engine.step()
    settled = batch.settled()
    assert settled is not None
    assert not settled.entries[0].future
    assert prepare(settled, engine.scheduler._cache.rows).positions.tolist() == [5]
    engine.scheduler.receive(Abort(1))
    assert batch.settled() is None

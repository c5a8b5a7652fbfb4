"""Loads on a server with known delays: every time, every failure and every early end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count, pairwise
from statistics import mean

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.load.arrivals import Constant, Trace
from sgl_cli.bench.load.control import Control
from sgl_cli.bench.load.plan import LoadPlan, closed, opened
from sgl_cli.bench.load.progress import Progress
from sgl_cli.bench.load.run_load import run_load
from sgl_cli.bench.load.warm import WarmupFailed
from sgl_cli.bench.prompt import Prompt
from sgl_cli.bench.target.target import Target
from sgl_cli.bench.wire.ask import Api, Ask
from sgl_cli.bench.wire.wire import Limits
from tests.fake_bench_server import fake_bench_server
from tests.unit.bench.loads import kinds, prompts, target_of


@pytest.mark.parametrize("api", ["completions", "chat", "generate"])
@pytest.mark.parametrize("unframed", [False, True])
def test_a_closed_loop_notes_what_the_server_did(api: Api, unframed: bool) -> None:
    with fake_bench_server(ttft=0.05, per_token=0.005, tokens_per_chunk=2, cached=0.5, unframed=unframed) as server:
        run = run_load(target_of(server, api), prompts(12, tokens=9), closed(4))
        truth = {entry["rid"]: entry for entry in server.truth()}

    assert kinds(run.records) == {""}
    assert sorted(record.index for record in run.records) == list(range(12))
    assert [record.sent for record in run.records] == sorted(record.sent for record in run.records)
    zero = run.started - time.time() + time.perf_counter()
    for record in run.records:
        written = truth[str(record.index)]
        assert len(record.chunks) == len(written["chunks"]) == 5
        assert record.chunk_tokens == tuple(written["counts"]) == (2, 4, 6, 8, 9)
        assert (record.output_tokens, record.asked_tokens, record.finish_reason) == (9, 9, "length")
        assert record.scheduled is None
        assert record.cached_tokens is not None
        for here, there in zip(record.chunks, written["chunks"], strict=True):
            # Never before it was written; how long after depends on who else uses this machine.
            assert -0.001 < here + zero - there < 0.5
        assert record.ended >= record.chunks[-1]
    assert run.duration == pytest.approx(max(record.ended for record in run.records) - run.records[0].sent)
    assert not run.partial
    assert run.client.chunks_per_second > 0
    most = max(sum(a.sent <= b.sent < a.ended for a in run.records) for b in run.records)
    assert most <= 4


def test_connections_are_used_again_unless_the_server_closes_them() -> None:
    for closes, least in ((False, 1), (True, 12)):
        with fake_bench_server(ttft=0, per_token=0, closes=closes) as server:
            run = run_load(target_of(server), prompts(12), LoadPlan(concurrency=1, scrape=False))
            connections = server.counts()["connections"]
        assert kinds(run.records) == {""}
        assert least <= connections - 1 <= least + 12 * closes


def test_without_usage_nothing_is_counted() -> None:
    with fake_bench_server(usage="none", ttft=0, per_token=0) as server:
        run = run_load(target_of(server, "chat"), prompts(3), closed(3))
    assert [(record.output_tokens, record.chunk_tokens, len(record.chunks)) for record in run.records] == [
        (None, (), 4)
    ] * 3


def test_short_answers_are_kept() -> None:
    with fake_bench_server(short=1.0, ttft=0, per_token=0) as server:
        run = run_load(target_of(server), prompts(2, tokens=8), closed(1))
    assert {(record.output_tokens, record.asked_tokens, record.finish_reason) for record in run.records} == {
        (4, 8, "stop")
    }


def test_whole_answers_are_one_chunk() -> None:
    with fake_bench_server(ttft=0, per_token=0) as server:
        run = run_load(target_of(server, "generate", stream=False), prompts(2), closed(1))
    assert kinds(run.records) == {""}
    assert all(record.chunks == (record.ended,) for record in run.records)


FAULTS = {"busy": 0.15, "broken": 0.15, "stream_error": 0.15, "cut": 0.15, "stall": 0.1, "garbage": 0.15}


@pytest.mark.parametrize("api", ["chat", "generate"])
def test_every_fault_is_a_record(api: Api) -> None:
    names = {
        "busy": "status",
        "broken": "status",
        "stream_error": "stream",
        "cut": "cut",
        "stall": "timeout",
        "garbage": "protocol",
        "": "",
    }
    with fake_bench_server(ttft=0.005, per_token=0.001, seed=3, **FAULTS) as server:
        progress = Progress()
        plan = LoadPlan(concurrency=20, limits=Limits(5, 5, 0.5))
        run = run_load(target_of(server, api), prompts(60), plan, None, progress)
        truth = {entry["rid"]: entry for entry in server.truth()}

    assert len(run.records) == 60
    faults = {entry["fault"] for entry in truth.values()}
    assert faults == {*FAULTS, ""}
    for record in run.records:
        expected = names[truth[str(record.index)]["fault"]]
        if api == "generate" and truth[str(record.index)]["fault"] == "garbage":
            expected = "protocol"
        assert (record.failure.kind if record.failure is not None else "") == expected, record
        assert len(record.chunks) == len(truth[str(record.index)]["chunks"])
    busy = next(record.failure for record in run.records if record.failure is not None and record.failure.status == 429)
    assert busy.message == "too many requests (retry after 2 s)"
    seen = progress.snapshot()
    assert seen.done == seen.sent == 60
    assert seen.failed == sum(record.failure is not None for record in run.records) == sum(seen.failures.values())
    assert seen.in_flight == 0
    assert seen.ttft


def test_a_whole_answer_has_a_limit_too() -> None:
    with fake_bench_server(ttft=0, per_token=0.05) as server:
        plan = LoadPlan(concurrency=1, limits=Limits(request=0.3), scrape=False)
        (record,) = run_load(target_of(server), prompts(1, tokens=1000), plan).records
    assert record.failure is not None
    assert (record.failure.kind, record.failure.message) == ("timeout", "no complete answer within 0.3 s")
    assert record.chunks


def test_nobody_there() -> None:
    run = run_load(Target("http://127.0.0.1:1/v1", ask=Ask("m")), prompts(3), closed(2))
    assert [record.failure and record.failure.message for record in run.records] == ["connection refused"] * 3
    assert kinds(run.records) == {"connect"}


def test_an_open_loop_keeps_its_schedule_however_slow_the_server_is() -> None:
    with fake_bench_server(ttft=0.3, per_token=0) as server:
        run = run_load(target_of(server), prompts(20), opened(Constant(50)))
    assert [record.scheduled for record in run.records] == pytest.approx([index / 50 for index in range(20)])
    late = [record.sent - (record.scheduled or 0) for record in run.records]
    assert min(late) > -0.001
    assert mean(late) < 0.25
    assert run.rate == 50
    assert run.concurrency is None


def test_a_bounded_open_loop_sends_late_and_says_so() -> None:
    with fake_bench_server(ttft=0.1, per_token=0) as server:
        run = run_load(target_of(server), prompts(6), LoadPlan(concurrency=1, arrivals=Constant(100)))
    assert [record.scheduled for record in run.records] == pytest.approx([index / 100 for index in range(6)])
    assert run.records[-1].sent > 0.45


def test_a_trace_is_sent_at_its_times() -> None:
    asked = [Prompt(index, 2, text="x", at=at) for index, at in enumerate((0.0, 0.2, 0.2, 0.6))]
    with fake_bench_server(ttft=0, per_token=0) as server:
        run = run_load(target_of(server), asked, opened(Trace(0.5)))
    assert [record.scheduled for record in run.records] == [0.0, 0.1, 0.1, 0.3]


def test_a_duration_stops_sending_and_waits_for_answers() -> None:
    endless = (Prompt(index, 4, text=f"number {index}") for index in count())
    with fake_bench_server(ttft=0.05, per_token=0.01) as server:
        run = run_load(target_of(server), endless, closed(4, duration=0.5))
        bodies = [body["prompt"] for body in server.counts()["bodies"]]
    assert kinds(run.records) == {""}
    assert all(record.sent < 2 for record in run.records)
    assert run.records[-1].sent > 0.2
    assert len(set(bodies)) == len(bodies) == len(run.records)
    assert not run.partial


def test_turns_wait_for_the_answer_before_them_and_carry_it() -> None:
    asked = [
        Prompt(3 * talk + turn, 2, text=f"say {talk} {turn}", conversation=talk, turn=turn)
        for talk in range(4)
        for turn in range(3)
    ]
    with fake_bench_server(ttft=0.02, per_token=0.001) as server:
        run = run_load(target_of(server, "chat"), asked, closed(3))
        bodies = server.counts()["bodies"]
    assert kinds(run.records) == {""}
    longest = [body["messages"] for body in bodies if len(body["messages"]) == 5]
    assert len(longest) == 4
    assert [message["content"] for message in longest[0]][1] == " w0 w1"
    assert [message["role"] for message in longest[0]] == ["user", "assistant"] * 2 + ["user"]
    for talk in range(4):
        turns = sorted((record for record in run.records if record.index // 3 == talk), key=lambda each: each.index)
        for earlier, later in pairwise(turns):
            assert later.sent >= earlier.ended


@pytest.mark.parametrize("api", ["completions", "generate"])
def test_turns_in_text_and_in_ids(api: Api) -> None:
    asked = [Prompt(turn, 2, text=f"say {turn}.", conversation=0, turn=turn) for turn in range(2)]
    with fake_bench_server(ttft=0, per_token=0) as server:
        run_load(target_of(server, api), asked, closed(2))
        last = server.counts()["bodies"][-1]
        assert last.get("prompt", last.get("text")) == "say 0. w0 w1say 1."
        ids = [Prompt(turn, 2, ids=(7, 8), conversation=0, turn=turn) for turn in range(2)]
        if api == "generate":
            run_load(target_of(server, api), ids, closed(2))
            assert server.counts()["bodies"][-1]["input_ids"] == [7, 8, 0, 1, 7, 8]
        else:
            with pytest.raises(UsageError, match="token ids"):
                run_load(target_of(server, api), ids, closed(2))


def test_a_conversation_ends_with_its_first_failure() -> None:
    asked = [Prompt(turn, 2, text="x", conversation=0, turn=turn) for turn in range(3)]
    with fake_bench_server(broken=1.0) as server:
        run = run_load(target_of(server, "chat"), asked, closed(2))
    assert len(run.records) == 1
    assert "2 turns were not sent: one before them failed" in run.client.warnings


def test_the_warm_up_is_not_recorded_and_the_cache_is_emptied_after_it() -> None:
    with fake_bench_server(ttft=0, per_token=0) as server:
        plan = LoadPlan(concurrency=2, flush=True)
        run = run_load(target_of(server), prompts(4), plan, warmup=prompts(3))
        counted = server.counts()
    assert len(run.records) == 4
    assert (counted["requests"], counted["flushes"]) == (7, 1)
    assert run.before["sgl:generation_tokens_total"] == 12
    assert run.after["sgl:generation_tokens_total"] == 28
    assert "kv_usage_peak" in run.after


def test_a_warm_up_that_fails_ends_the_run() -> None:
    with fake_bench_server(broken=1.0) as server, pytest.raises(WarmupFailed, match="CUDA out of memory"):
        run_load(target_of(server), prompts(4), closed(1), warmup=prompts(1))


def test_a_prompt_that_cannot_be_carried_is_an_error_before_anything_is_sent() -> None:
    with fake_bench_server() as server:
        with pytest.raises(UsageError, match="token ids"):
            run_load(target_of(server, "chat"), [Prompt(0, 1, ids=(1,))], closed(1))
        assert server.counts()["requests"] == 0


def interrupted(workers: int, times: int) -> None:
    endless = (Prompt(index, 20, text=f"number {index}") for index in count())
    control, progress = Control(), Progress()
    limit = time.monotonic() + 20

    def interrupt() -> None:
        while progress.snapshot().done < 4 and time.monotonic() < limit:
            time.sleep(0.01)
        for _ in range(times):
            control.interrupt()

    with fake_bench_server(ttft=0.05, per_token=0.01 if times == 1 else 0.05) as server:
        thread = threading.Thread(target=interrupt)
        thread.start()
        plan = LoadPlan(concurrency=4, duration=60, workers=workers)
        run = run_load(target_of(server), endless, plan, control, progress)
        thread.join()
    assert run.partial
    assert run.records
    assert kinds(run.records) == {""}
    assert progress.snapshot().stopping
    given_up = [warning for warning in run.client.warnings if "given up" in warning]
    assert bool(given_up) == (times == 2)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("times", [1, 2])
def test_the_first_interrupt_drains_and_the_second_does_not(workers: int, times: int) -> None:
    interrupted(workers, times)


def test_a_run_that_was_stopped_before_sends_nothing() -> None:
    control = Control()
    control.stop()
    with fake_bench_server() as server:
        run = run_load(target_of(server), prompts(4), closed(2), control)
    assert (run.records, run.duration, run.partial) == ((), 0.0, True)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("before", [0, 400])
def test_an_error_of_the_dataset_is_not_swallowed(workers: int, before: int) -> None:
    def broken() -> Iterator[Prompt]:
        yield from prompts(before, tokens=1)
        raise UsageError("line 7 is no JSON")

    with fake_bench_server(ttft=0, per_token=0) as server, pytest.raises(UsageError, match="line 7"):
        run_load(target_of(server), broken(), LoadPlan(concurrency=2, workers=workers))


@pytest.mark.parametrize("workers", [1, 2])
def test_chunks_are_counted_before_the_first_answer_is_complete(workers: int) -> None:
    control, progress = Control(), Progress()
    limit = time.monotonic() + 20
    seen: list[tuple[int, int]] = []

    def look() -> None:
        while not seen and time.monotonic() < limit:
            snapshot = progress.snapshot()
            if snapshot.events:
                seen.append((snapshot.done, snapshot.events))
            time.sleep(0.01)
        control.abort()

    with fake_bench_server(ttft=0.05, per_token=0.05) as server:
        thread = threading.Thread(target=look)
        thread.start()
        prompt = Prompt(0, 400, text="a long answer")
        run_load(target_of(server), [prompt], LoadPlan(concurrency=1, requests=1, workers=workers), control, progress)
        thread.join()
    assert seen
    assert seen[0][0] == 0

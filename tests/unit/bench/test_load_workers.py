"""Several client processes: one load, one clock, and what happens when one dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.load.arrivals import Constant
from sgl_cli.bench.load.plan import LoadPlan
from sgl_cli.bench.load.progress import Progress
from sgl_cli.bench.load.run_load import run_load
from sgl_cli.bench.prompt import Prompt
from tests.fake_bench_server import fake_bench_server
from tests.processes import children
from tests.unit.bench.loads import kinds, prompts, target_of


def workers() -> set[int]:
    found = set()
    for pid in children():
        if b"sgl_cli.bench.load.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found.add(pid)
    return found


def test_a_closed_loop_is_shared_and_has_one_clock() -> None:
    with fake_bench_server(ttft=0.03, per_token=0.002) as server:
        run = run_load(target_of(server, "chat"), prompts(60), LoadPlan(concurrency=5, workers=2))
        truth = {entry["rid"]: entry for entry in server.truth()}
    assert sorted(record.index for record in run.records) == list(range(60))
    assert kinds(run.records) == {""}
    assert Counter(record.worker for record in run.records) == {0: 30, 1: 30}
    zero = run.started - time.time() + time.perf_counter()
    for record in run.records:
        for here, there in zip(record.chunks, truth[str(record.index)]["chunks"], strict=True):
            assert -0.001 < here + zero - there < 0.5
    assert run.client.workers == 2
    assert not workers()


def test_an_open_loop_is_shared_by_turns() -> None:
    with fake_bench_server(ttft=0.01, per_token=0) as server:
        run = run_load(target_of(server), prompts(20), LoadPlan(arrivals=Constant(40), workers=2))
    by_index = sorted(run.records, key=lambda record: record.index)
    assert [record.scheduled for record in by_index] == pytest.approx([index / 40 for index in range(20)])
    assert [record.worker for record in by_index] == [0, 1] * 10
    assert all(record.sent > (record.scheduled or 0) - 0.001 for record in by_index)


def test_conversations_stay_with_their_worker() -> None:
    asked = [Prompt(2 * talk + turn, 2, text="x", conversation=talk, turn=turn) for talk in range(6) for turn in (0, 1)]
    with fake_bench_server(ttft=0.01, per_token=0) as server:
        run = run_load(target_of(server, "chat"), asked, LoadPlan(concurrency=4, workers=2))
    assert len(run.records) == 12
    for talk in range(6):
        assert len({record.worker for record in run.records if record.index // 2 == talk}) == 1


def test_more_prompts_than_are_handed_out_at_once() -> None:
    with fake_bench_server(ttft=0, per_token=0) as server:
        run = run_load(target_of(server), prompts(1200, tokens=1), LoadPlan(concurrency=8, workers=2))
    assert sorted(record.index for record in run.records) == list(range(1200))


def test_a_worker_that_dies_is_an_error_and_not_the_end() -> None:
    progress = Progress()

    def kill() -> None:
        until = time.monotonic() + 20
        while progress.snapshot().done < 4 and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(min(workers()), signal.SIGKILL)

    with fake_bench_server(ttft=0.05, per_token=0.005) as server:
        thread = threading.Thread(target=kill)
        thread.start()
        run = run_load(target_of(server), prompts(60), LoadPlan(concurrency=4, workers=2), None, progress)
        thread.join()
    failures = [record.failure for record in run.records if record.failure is not None]
    assert failures
    assert all("died (killed by SIGKILL)" in failure.message for failure in failures)
    assert run.partial
    assert any("died" in warning for warning in run.client.warnings)
    assert sum(record.failure is None for record in run.records) >= 30
    assert not workers()


def test_an_error_of_the_users_is_raised_from_a_worker() -> None:
    with fake_bench_server() as server, pytest.raises(UsageError, match="token ids"):
        run_load(target_of(server, "chat"), [Prompt(0, 1, ids=(1,))] * 4, LoadPlan(concurrency=2, workers=2))
    assert not workers()

"""Levels of load, the prompts of each, and when a sweep or a run ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from sgl_cli.bench.campaign.early_end import FEWEST, HOPELESS, why_to_end
from sgl_cli.bench.campaign.levels import Level, levels, load_plan, requests_of
from sgl_cli.bench.campaign.questions import MOST_HASHED, Questions
from sgl_cli.bench.campaign.runner import Finished
from sgl_cli.bench.campaign.sweep import MOST_LEVELS, sweep
from sgl_cli.bench.compare.assertions import parse_assertions
from sgl_cli.bench.data.open import DataFacts
from sgl_cli.bench.flags.plan import BenchPlan
from sgl_cli.bench.flags.read import read_plan
from sgl_cli.bench.load.arrivals import Arrivals, Constant, Gamma, Ramp, Trace
from sgl_cli.bench.load.progress import Progress, Snapshot
from sgl_cli.bench.metrics.slo import parse_slos
from sgl_cli.bench.metrics.summary import summarize
from sgl_cli.bench.record import Failure, Record
from sgl_cli.bench.result import Facts, build_result
from sgl_cli.bench.run import Run


def plan_of(**values: object) -> BenchPlan:
    return read_plan(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [Level(64)]),
        ({"concurrency": "1,4,16"}, [Level(1), Level(4), Level(16)]),
        ({"rate": "2,8"}, [Level(None, 2.0), Level(None, 8.0)]),
        ({"rate": "8", "concurrency": "4"}, [Level(4, 8.0)]),
        ({"ramp": "1-50"}, [Level()]),
        ({"quick": True}, [Level(1), Level(64)]),
    ],
)
def test_levels(values: dict[str, object], expected: list[Level]) -> None:
    assert list(levels(plan_of(**values).load)) == expected


@pytest.mark.parametrize(
    ("values", "arrivals"),
    [
        ({}, None),
        ({"rate": "8"}, Gamma(8.0, 1.0, 0)),
        ({"rate": "8", "burstiness": "0.5", "seed": "3"}, Gamma(8.0, 0.5, 3)),
        ({"rate": "8", "arrival": "constant"}, Constant(8.0)),
        ({"ramp": "1-3", "num_prompts": "100"}, Ramp(1.0, 3.0, 50.0, "linear", 0)),
        ({"ramp": "1-3", "duration": "20s"}, Ramp(1.0, 3.0, 20.0, "linear", 0)),
        ({"ramp": "exponential:1-2", "num_prompts": "100"}, Ramp(1.0, 2.0, 100 * math.log(2), "exponential", 0)),
        ({"dataset": "trace:t.jsonl"}, Trace()),
    ],
)
def test_how_requests_arrive(values: dict[str, object], arrivals: Arrivals | None) -> None:
    plan = plan_of(**values)
    (level,) = levels(plan.load)
    assert load_plan(plan, level, plan.load.num_prompts or 100).arrivals == arrivals


def test_a_ramp_without_a_time_sends_all_of_its_requests_within_it() -> None:
    plan = plan_of(ramp="5-20", num_prompts="200")
    (level,) = levels(plan.load)
    arrivals = load_plan(plan, level, 200).arrivals
    assert isinstance(arrivals, Ramp)
    times = list(islice(replace(arrivals, seed=None).times(), 200))
    assert times[-1] == pytest.approx(arrivals.over, rel=0.01)


def test_everything_at_once_is_a_closed_loop_as_wide_as_the_prompts() -> None:
    plan = plan_of(rate="inf", num_prompts="50")
    (level,) = levels(plan.load)
    load = load_plan(plan, level, requests_of(plan, level))
    assert (load.concurrency, load.arrivals, load.requests) == (50, None, 50)
    plan = plan_of(rate="inf", num_prompts="50", concurrency="8")
    (level,) = levels(plan.load)
    assert load_plan(plan, level, 50).concurrency == 8


def test_limits_and_flush_are_those_that_were_asked_for() -> None:
    load = load_plan(plan_of(timeout="5s", flush_cache=True, workers="2"), Level(4), 10)
    assert (load.limits.request, load.limits.gap, load.flush, load.workers) == (5.0, 5.0, True, 2)


def questions_of(facts: DataFacts | None = None, **values: object) -> Questions:
    sizes = {"input_len": "20", "output_len": "4"} if values.get("dataset", "random") == "random" else {}
    return Questions.open(plan_of(**{**sizes, **values}), facts or DataFacts(vocabulary=5000), None)


def test_every_run_asks_something_else_and_the_warm_up_too() -> None:
    questions = questions_of()
    runs = [[prompt.ids for prompt in questions.asked(number, 20).prompts] for number in range(3)]
    warm = [[prompt.ids for prompt in questions.warmup(number, 8)] for number in range(3)]
    everything = [ids for part in (*runs, *warm) for ids in part]
    assert len(set(everything)) == len(everything) == 84
    assert len({questions.asked(number, 20).sha256 for number in range(3)}) == 3
    again = questions_of()
    assert [prompt.ids for prompt in again.asked(1, 20).prompts] == runs[1]


def test_the_first_run_has_the_prompts_of_the_seed_itself() -> None:
    questions = questions_of(seed="7")
    assert list(questions.asked(0, 5).prompts) == list(questions.first.prompts(5))


def test_a_flushed_cache_lets_all_runs_ask_the_same() -> None:
    questions = questions_of(flush_cache=True)
    assert questions.asked(0, 5).sha256 == questions.asked(1, 5).sha256


def test_a_files_prompts_are_asked_as_they_are_and_not_in_the_warm_up(tmp_path: Any) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "one", "output_len": 3}\n{"prompt": "two", "output_len": 3}\n')
    questions = questions_of(dataset=f"jsonl:{path}")
    for number in range(2):
        asked = questions.asked(number, None)
        assert [prompt.text for prompt in asked.prompts] == ["one", "two"]
        assert asked.requests == 2
    assert {"one", "two"}.isdisjoint(prompt.text for prompt in questions.warmup(0, 4))


def test_a_long_run_is_known_by_its_first_prompts() -> None:
    questions = questions_of(duration="60s")
    asked = questions.asked(0, None)
    assert asked.to_json()["sha256_prompts"] == MOST_HASHED
    assert asked.sha256 == questions.asked(0, MOST_HASHED + 5).sha256
    assert asked.sha256 != questions.asked(0, 5).sha256


def finished(level: Level, tok_s: float, *, ttft: float = 0.01, failed: int = 0, slo: str = "") -> Finished:
    """A run of 40 requests with this throughput and this time to the first token."""
    tokens = 10
    seconds = 40 * tokens / tok_s
    records = [
        Record(
            index,
            sent=index * seconds / 40,
            ended=index * seconds / 40 + ttft + 0.01,
            chunks=() if index < failed else (index * seconds / 40 + ttft,),
            output_tokens=tokens,
            failure=Failure("status", 500, "no") if index < failed else None,
        )
        for index in range(40)
    ]
    run = Run(records, 0.0, seconds, level.concurrency, level.rate)
    summary = summarize(run, parse_slos([slo] if slo else []))
    # The times are those of requests that stand alone: what the server as a whole does is said here.
    summary = replace(summary, steady=None, throughput=replace(summary.throughput, out_tok_s=tok_s))
    return Finished(level, run, summary, build_result(run, summary, Facts("0")))


class Server:
    """Answers twice as much for twice the load, up to a limit; from there on requests wait."""

    def __init__(self, limit: float, **fields: Any) -> None:
        self.limit = limit
        self.fields = fields
        self.asked: list[tuple[Level, int]] = []

    def run(self, level: Level, number: int) -> Finished:
        self.asked.append((level, number))
        load = level.rate or level.concurrency or 1
        return finished(level, 100 * min(load, self.limit), ttft=0.01 * max(1.0, load / self.limit), **self.fields)


def done(_: Finished) -> None:
    """For nobody."""


def test_a_sweep_doubles_until_nothing_is_gained_and_looks_once_between() -> None:
    server = Server(limit=8)
    result = sweep(plan_of(sweep=True, concurrency="1"), server.run, done)
    assert [level.concurrency for level, _ in server.asked][:5] == [1, 2, 4, 8, 16]
    assert [number for _, number in server.asked] == list(range(len(server.asked)))
    assert len(server.asked) == 6
    loads = [each.level.concurrency or 0 for each in result.levels]
    assert loads == sorted(loads)
    assert "concurrency 16 brings" in result.why


def test_a_sweep_of_rates_sends_for_some_seconds_at_every_rate() -> None:
    server = Server(limit=20)
    result = sweep(plan_of(sweep=True, rate="5"), server.run, done)
    assert [level.rate for level, _ in server.asked][:4] == [5, 10, 20, 40]
    assert [level.requests for level, _ in server.asked][:4] == [100, 200, 400, 800]
    assert "40 req/s brings" in result.why


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"failed": 4}, "10 % of requests failed at concurrency 1"),
        ({"slo": "ttft:1"}, "only 0 % of requests kept to the objectives at concurrency 1"),
    ],
)
def test_errors_and_missed_objectives_end_a_sweep(fields: dict[str, Any], why: str) -> None:
    server = Server(limit=1e9, **fields)
    assert sweep(plan_of(sweep=True, concurrency="1"), server.run, done).why == why
    assert len(server.asked) == 1


def test_a_sweep_has_an_end_and_heeds_an_interruption() -> None:
    endless = Server(limit=math.inf)
    result = sweep(plan_of(sweep=True, concurrency="1"), endless.run, done)
    assert len(endless.asked) == MOST_LEVELS + 1
    assert result.why == f"{MOST_LEVELS} levels are the most"

    def interrupted(level: Level, number: int) -> Finished:
        return replace(finished(level, 100), interrupted=number == 2)

    assert len(sweep(plan_of(sweep=True, concurrency="1"), interrupted, done).levels) == 3


def snapshot(done: int, failed: int = 0, ttft: Sequence[float] = ()) -> Snapshot:
    return replace(Progress().snapshot(), done=done, failed=failed, ttft=list(ttft))


def test_a_rule_with_abort_is_judged_when_there_is_enough_to_judge() -> None:
    rules = parse_assertions(["ttft.p50<100ms abort", "error_rate<10% abort", "out_tok_s>5 abort"])
    slow = [0.2] * FEWEST
    assert why_to_end(snapshot(FEWEST - 1, ttft=slow), rules) == ""
    assert why_to_end(snapshot(FEWEST, ttft=slow), rules) == "ttft.p50 is 200 ms (limit: < 100 ms)"
    assert why_to_end(snapshot(FEWEST, ttft=[0.05] * FEWEST), rules) == ""
    assert why_to_end(snapshot(40, failed=8, ttft=[0.05] * 32), rules) == "error_rate is 20 % (limit: < 10 %)"
    tail = parse_assertions(["ttft.p99<100ms abort"])
    assert why_to_end(snapshot(900, ttft=[0.2] * 900), tail) == ""
    assert why_to_end(snapshot(1000, ttft=[0.2] * 1000), tail) != ""


def test_a_run_in_which_everything_fails_is_given_up() -> None:
    assert why_to_end(snapshot(HOPELESS - 1, failed=HOPELESS - 1), ()) == ""
    assert why_to_end(snapshot(HOPELESS, failed=HOPELESS), ()) == f"all of the first {HOPELESS} requests failed"
    assert why_to_end(snapshot(HOPELESS + 1, failed=HOPELESS), ()) == ""

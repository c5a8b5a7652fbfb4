"""A whole run: every figure is the one that the records were made of (U9), and has its unit in its name."""

from __future__ import annotations

import json
import time

import pytest

from sgl_cli.bench.metrics.definitions import METRICS, choose, schema
from sgl_cli.bench.metrics.reading import read
from sgl_cli.bench.metrics.slo import parse_slos
from sgl_cli.bench.metrics.summary import Summary, summarize
from sgl_cli.bench.run import ClientHealth, Run

from .synthetic import answer, failed, run_of

TTFT, CHUNK, TOKENS = 0.12, 0.04, 4
"""Seconds to the first chunk, seconds between chunks, tokens in each chunk."""


def steady_run(requests: int = 2000) -> Run:
    """Four lines of equal requests; every twentieth fails after the time of its first chunk."""
    records = []
    clock = [0.0] * 4
    for index in range(requests):
        line = index % 4
        sent = clock[line]
        if index % 20 == 19:
            records.append(failed(sent, sent + TTFT, message=f"request {index} failed"))
        else:
            chunks = 11
            records.append(
                answer(
                    sent,
                    TTFT,
                    [CHUNK] * (chunks - 1),
                    index=index,
                    input_tokens=100,
                    output_tokens=TOKENS * chunks,
                    chunk_tokens=tuple(range(TOKENS, TOKENS * chunks + 1, TOKENS)),
                    cached_tokens=25,
                    server={"queue_ms": 7.0},
                )
            )
        clock[line] = records[-1].ended
    return run_of(records, concurrency=4)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarize(steady_run(), parse_slos(["ttft:200", "tpot:25"]))


def value(summary: Summary, name: str) -> float | None:
    return read(summary.to_json(), choose(name)).value


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("ttft.p50", 120),
        ("ttft.p99", 120),
        ("ttft.mean", 120),
        ("ttft.std", 0),
        ("e2el.p99", 520),
        ("tpot.p50", 400 / 43),
        ("itl.p99.9", 10),
        ("itl.mean", 10),
        ("icl.p99", 40),
        ("ntpot.p50", 520 / 44),
        ("user_tok_s.p50", 43 / 0.4),
        ("error_rate", 0.05),
        ("cache_hit", 0.25),
        ("slo_attainment", 0.95),
        ("peak_in_flight", 4),
        ("in_flight", None),
    ],
)
def test_every_figure_is_the_truth(summary: Summary, name: str, truth: float | None) -> None:
    found = value(summary, name)
    assert found is not None
    if truth is not None:
        assert found == pytest.approx(truth, rel=1e-9, abs=1e-9)


def test_rates_are_over_the_duration(summary: Summary) -> None:
    duration = steady_run().duration
    assert value(summary, "req_s") == pytest.approx(1900 / duration, rel=1e-9)
    assert value(summary, "out_tok_s") == pytest.approx(1900 * 44 / duration, rel=1e-9)
    assert value(summary, "in_tok_s") == pytest.approx(190_000 / duration, rel=1e-9)
    assert value(summary, "goodput") == pytest.approx(1900 / duration, rel=1e-9)


def test_what_the_sample_does_not_allow_is_null_with_the_reason() -> None:
    document = summarize(run_of([answer(gaps=[0.1])] * 40)).to_json()
    assert document["summary"]["ttft_ms"]["p99"] is None
    assert document["summary"]["ttft_ms"]["missing"]["p99"] == "N=40"
    assert read(document, choose("ttft.p99")) == (None, "N=40, and p99 takes 1,000")


def test_an_empty_run_and_a_run_of_failures_have_a_summary() -> None:
    for records in ([], [failed()] * 3):
        document = summarize(run_of(records)).to_json()
        json.dumps(document, allow_nan=False)
        assert document["summary"]["ttft_ms"] is None
        assert document["summary"]["error_rate"] == (1.0 if records else 0.0)
        for metric in METRICS:
            reading = read(document, choose(metric.name))
            assert (reading.value is None) == bool(reading.why)


def test_the_open_loop_is_told_beside_the_closed_view() -> None:
    records = [answer(sent=0.5 * number, scheduled=0.4 * number, ttft=0.1) for number in range(30)]
    found = summarize(run_of(records, rate=2.5))
    assert value(found, "ttft.p50") == pytest.approx(100)
    assert value(found, "ttft_scheduled.max") == pytest.approx(100 + 2900)
    assert value(found, "send_delay.max") == pytest.approx(2900)
    assert value(summarize(run_of([answer()])), "send_delay.max") is None


def test_estimates_are_counted() -> None:
    records = [answer(gaps=[0.1], output_tokens=None), answer(gaps=[0.1], output_tokens=8), answer(gaps=[0.1])]
    document = summarize(run_of(records)).to_json()["summary"]
    assert document["answers_with_estimated_tokens"] == 1
    assert document["answers_with_estimated_itl"] == 2


def test_the_json_form_is_plain(summary: Summary) -> None:
    document = summary.to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert list(document) == ["summary", "steady_state", "slo", "timeline_1s"]
    assert document["summary"]["server_reported"]["queue_ms"]["mean"] == 7.0
    assert document["summary"]["errors"][0]["count"] == 100


def test_the_client_and_the_server_are_in_it() -> None:
    run = run_of(
        [answer()],
        client=ClientHealth(lag_p99_ms=12.0, warnings=("slow",)),
        before={"sgl:request_queue_time_seconds_sum": 0.0, "sgl:request_queue_time_seconds_count": 0.0},
        after={"sgl:request_queue_time_seconds_sum": 0.5, "sgl:request_queue_time_seconds_count": 10.0},
        partial=True,
    )
    document = summarize(run).to_json()["summary"]
    assert document["client"]["warnings"] == ["slow"]
    assert document["partial"] is True
    assert read({"summary": document}, choose("queue")).value == pytest.approx(50)


def test_every_definition_is_one_sentence_and_points_into_the_document(summary: Summary) -> None:
    run = run_of([answer(scheduled=0.0, gaps=[0.1], cached_tokens=1)] * 30, rate=1.0)
    document = summarize(run, parse_slos(["ttft:200"])).to_json()
    for metric in METRICS:
        assert metric.text.endswith(".")
        assert ". " not in metric.text
        if metric.source != "server metrics":
            assert read(document, choose(metric.name)).value is not None, metric.name
    assert schema()["ttft"]["path"] == "summary.ttft_ms"


def test_a_large_run_is_summarized_in_seconds() -> None:
    records = [answer(0.01 * number, 0.1, [0.01] * 200, index=number) for number in range(1500)]
    begin = time.process_time()
    summarize(run_of(records), parse_slos(["chat"]))
    assert time.process_time() - begin < 15

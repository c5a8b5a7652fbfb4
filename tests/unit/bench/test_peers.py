"""Our figures beside those of vLLM's and SGLang's benchmarks on the same run: equal where they mean the same."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from sgl_cli.bench.metrics.in_flight import levels
from sgl_cli.bench.metrics.latency import latency_of
from sgl_cli.bench.metrics.percentiles import Distribution
from sgl_cli.bench.metrics.slo import parse_slos
from sgl_cli.bench.metrics.steady import steady_state
from sgl_cli.bench.metrics.summary import Summary, summarize
from sgl_cli.bench.record import Record
from sgl_cli.bench.run import Run

from . import peers
from .synthetic import answer, failed, run_of


def recorded(tokens_per_chunk: int, requests: int = 1100) -> Run:
    """An open-ended run with failures, single tokens, and chunks of some tokens each."""
    random = Random(tokens_per_chunk)
    records: list[Record] = []
    for index in range(requests):
        sent = random.uniform(0, 40)
        if index % 20 == 7:
            records.append(failed(sent, sent + 0.3))
            continue
        chunks = random.randint(0, 12)
        gaps = [random.uniform(0.005, 0.05) for _ in range(chunks)]
        counts = [1 + tokens_per_chunk * number for number in range(chunks + 1)]
        records.append(
            answer(
                sent,
                random.uniform(0.02, 0.4),
                gaps,
                index=index,
                input_tokens=random.randint(1, 500),
                chunk_tokens=tuple(counts),
                output_tokens=counts[-1],
            )
        )
    return run_of(records)


@pytest.fixture(scope="module")
def run() -> Run:
    return recorded(4)


@pytest.fixture(scope="module")
def summary(run: Run) -> Summary:
    return summarize(run, parse_slos(["ttft:200", "tpot:8"]))


def is_of(found: Distribution | None, samples: list[float]) -> None:
    """The distribution is numpy's of the samples, in milliseconds."""
    assert found is not None
    values = found.to_json(1000)
    assert values["count"] == len(samples)
    for name, expected in (
        ("mean", np.mean(samples)),
        ("std", np.std(samples)),
        ("min", np.min(samples)),
        ("max", np.max(samples)),
        *((f"p{part}", np.percentile(samples, part)) for part in (50, 90, 95, 99)),
    ):
        assert values[name] == pytest.approx(expected, abs=1e-9), name


@pytest.mark.parametrize("name", ["ttft", "e2el"])
def test_ttft_and_latency_are_theirs(run: Run, summary: Summary, name: str) -> None:
    is_of(getattr(summary.latencies, name), peers.times_of(name, run.records))


def test_tpot_is_theirs() -> None:
    run = recorded(3, requests=1300)
    is_of(summarize(run).latencies.tpot, peers.times_of("tpot", run.records))


def test_throughput_is_theirs(run: Run, summary: Summary) -> None:
    good = [record for record in run.records if record.failure is None]
    assert summary.throughput.req_s == pytest.approx(len(good) / run.duration, abs=1e-9)
    assert summary.throughput.out_tok_s == pytest.approx(sum(r.output_tokens or 0 for r in good) / run.duration)
    assert summary.throughput.in_tok_s == pytest.approx(sum(r.input_tokens or 0 for r in good) / run.duration)


def test_goodput_is_vllms(run: Run, summary: Summary) -> None:
    assert summary.goodput is not None
    assert summary.goodput.goodput == pytest.approx(peers.vllm_goodput(run.records, 200, 8, run.duration))


def test_our_icl_is_what_vllm_calls_itl(run: Run, summary: Summary) -> None:
    is_of(summary.latencies.icl, peers.undivided_gaps(run.records))


def test_our_itl_is_that_of_sglangs_own_protocol(run: Run, summary: Summary) -> None:
    is_of(summary.latencies.itl, peers.gaps_of_new_tokens(run.records))


def test_our_itl_differs_from_vllms_on_purpose(run: Run, summary: Summary) -> None:
    """Four tokens a chunk: the undivided gap is four times as long as a token takes."""
    assert summary.latencies.itl is not None
    theirs = float(np.mean(peers.undivided_gaps(run.records)))
    assert theirs == pytest.approx(4000 * summary.latencies.itl.mean, rel=1e-9)
    one = recorded(1)
    ours = summarize(one).latencies.itl
    assert ours is not None
    assert 1000 * ours.mean == pytest.approx(float(np.mean(peers.undivided_gaps(one.records))), rel=1e-9)


@pytest.mark.parametrize("ratio", [0.5, 0.7, 0.9, 1.0])
def test_the_steady_state_is_sglangs(ratio: float) -> None:
    """With the same span: theirs knows no failed requests and passes over no dips."""
    records = [record for record in recorded(1).records if record.failure is None]
    found = steady_state([latency_of(record) for record in records], levels(records), ratio, bridge=0.0)
    assert found is not None
    begin, length, tokens = peers.steady_throughput(records, ratio)
    assert (found.start_s, found.duration_s) == pytest.approx((begin, length), abs=1e-9)
    assert found.out_tok_s == pytest.approx(tokens, abs=1e-9)


def test_split_tokens_are_interpolated_as_sglang_does() -> None:
    """Without the server's running counts, both take an answer's tokens to lie evenly on its chunks."""
    random = Random(5)
    records = [
        answer(random.uniform(0, 20), 0.1, [random.uniform(0.01, 0.1)] * random.randint(1, 9), output_tokens=37)
        for _ in range(200)
    ]
    found = steady_state([latency_of(record) for record in records], levels(records), 0.6, bridge=0.0)
    assert found is not None
    assert found.out_tok_s == pytest.approx(peers.steady_throughput(records, 0.6)[2], abs=1e-9)

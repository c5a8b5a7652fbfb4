"""The figures of a load beside what the server says it did: within 2 %, whatever the server counts (U9)."""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median

import pytest

from sgl_cli.bench.load.plan import LoadPlan
from sgl_cli.bench.load.run_load import run_load
from sgl_cli.bench.metrics.summary import summarize
from sgl_cli.bench.wire.ask import Api
from sgl_cli.bench.wire.wire import Limits
from tests.fake_bench_server import Behaviour, fake_bench_server
from tests.unit.bench.loads import prompts, target_of

PLAIN = {"ttft": 0.3, "ttft_spread": 0.3, "per_token": 0.03, "per_token_spread": 0.2}
FAULTS = {"busy": 0.02, "stream_error": 0.03, "cut": 0.03, "stall": 0.02, "seed": 5}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("api", "behaviour"),
    [
        ("chat", Behaviour(**PLAIN)),
        ("completions", Behaviour(**PLAIN, tokens_per_chunk=4)),
        ("completions", Behaviour(**PLAIN, tokens_per_chunk=4, usage="final")),
        ("chat", Behaviour(**PLAIN, usage="none")),
        ("generate", Behaviour(**PLAIN, tokens_per_chunk=3)),
        ("chat", Behaviour(**PLAIN, **FAULTS)),
    ],
)
def test_every_figure_is_the_servers(api: Api, behaviour: Behaviour) -> None:
    with fake_bench_server(behaviour) as server:
        plan = LoadPlan(concurrency=20, limits=Limits(gap=2.0))
        run = run_load(target_of(server, api), prompts(80, tokens=24), plan)
        truth = {entry["rid"]: entry for entry in server.truth()}
    zero = run.started - time.time() + time.perf_counter()
    fine = [record for record in run.records if not truth[str(record.index)]["fault"]]
    told = [truth[str(record.index)] for record in fine]
    sent = [record.sent + zero for record in fine]
    ttft = [entry["chunks"][0] - at for entry, at in zip(told, sent, strict=True)]
    tpot = [(entry["chunks"][-1] - entry["chunks"][0]) / (entry["tokens"] - 1) for entry in told]
    gaps = [later - earlier for entry in told for earlier, later in pairwise(entry["chunks"])]

    summary = summarize(run).to_json()["summary"]
    assert len(fine) == sum(record.failure is None for record in run.records)
    assert summary["ttft_ms"]["p50"] == pytest.approx(1000 * median(ttft), rel=0.02)
    assert summary["tpot_ms"]["p50"] == pytest.approx(1000 * median(tpot), rel=0.02)
    assert summary["icl_ms"]["p50"] == pytest.approx(1000 * median(gaps), rel=0.02)
    tokens = sum(entry["tokens"] for entry in told)
    took = max(entry["end"] for entry in truth.values()) - min(sent)
    if not any(record.failure is not None for record in run.records):
        assert summary["out_tok_s"] == pytest.approx(tokens / took, rel=0.02)

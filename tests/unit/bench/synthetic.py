"""Runs whose every figure is known, because their records are written and not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

from sgl_cli.bench.metrics.summary import summarize
from sgl_cli.bench.record import Failure, Record
from sgl_cli.bench.result import Facts, Result, build_result
from sgl_cli.bench.run import Run

FACTS: Final = Facts(
    "1.2.3",
    host={"gpu": "GPU A", "cpu": "CPU"},
    server={"model": "demo"},
    dataset={"name": "random", "seed": 1, "sha256": "ab" * 32},
)


def answer(
    sent: float = 0.0,
    ttft: float = 0.1,
    gaps: Sequence[float] = (),
    tail: float = 0.0,
    **more: Any,
) -> Record:
    """A request whose chunks come ``ttft`` and then ``gaps`` after one another; the end is ``tail`` later."""
    chunks = [sent + ttft]
    for gap in gaps:
        chunks.append(chunks[-1] + gap)
    values: dict[str, Any] = {"input_tokens": 10, "output_tokens": len(chunks), **more}
    return Record(values.pop("index", 0), sent, chunks[-1] + tail, chunks=tuple(chunks), **values)


def failed(sent: float = 0.0, ended: float = 0.5, message: str = "boom", status: int = 500, **more: Any) -> Record:
    """A request that came to nothing."""
    return Record(0, sent, ended, failure=Failure("status", status, message), **more)


def run_of(records: Sequence[Record], **more: Any) -> Run:
    """A run of these records; its duration is that of the records."""
    start = min((record.sent for record in records), default=0.0)
    end = max((record.ended for record in records), default=0.0)
    return Run(records, **{"started": 1.7e9, "duration": end - start, **more})


def closed_loop(
    requests: int = 200, concurrency: int = 8, tokens: int = 20, tpot: float = 0.01, seed: int = 1, spread: float = 0.3
) -> Run:
    """Requests one after the other on each of ``concurrency`` lines; times vary by up to ``spread`` of themselves."""
    random = Random(seed)
    free = [0.0] * concurrency
    records = []
    for index in range(requests):
        line = free.index(min(free))
        gaps = [tpot * random.uniform(1 - spread, 1 + spread) for _ in range(tokens - 1)]
        record = answer(free[line], 0.05 * random.uniform(1 - spread, 1 + spread), gaps, index=index)
        free[line] = record.ended
        records.append(record)
    return run_of(records, concurrency=concurrency)


def result_of(run: Run, facts: Facts = FACTS, **more: Any) -> Result:
    """The result of a run."""
    return build_result(run, summarize(run, more.pop("slos", ())), facts, **more)


def facts_with(**parts: Mapping[str, Any]) -> Facts:
    """The facts with some parts changed."""
    values = {part: getattr(FACTS, part) for part in ("host", "server", "client", "dataset", "config")}
    return Facts(FACTS.sgl_version, **{**values, **parts})

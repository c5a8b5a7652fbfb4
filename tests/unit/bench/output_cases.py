"""Results to show, and streams to show them on, for the tests of the output and for what record.py writes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Final, TextIO
from unittest.mock import patch

from sgl.terminal import Terminal
from sgl_cli.bench.compare.assertions import check_all, parse_assertions
from sgl_cli.bench.compare.outcome import Outcome
from sgl_cli.bench.compare.rows import Comparison, compare_results
from sgl_cli.bench.metrics.slo import parse_slos
from sgl_cli.bench.output.csv_rows import csv_text
from sgl_cli.bench.output.explain import explain_lines
from sgl_cli.bench.output.markdown import comparison_markdown, markdown_text
from sgl_cli.bench.output.table import print_comparison, print_outcomes, print_run, print_sweep
from sgl_cli.bench.record import Record
from sgl_cli.bench.result import Facts, Result
from sgl_cli.bench.run import ClientHealth

from .synthetic import answer, closed_loop, failed, result_of, run_of

FACTS: Final = Facts(
    "1.2.3",
    name="base",
    host={"gpu": "GPU A", "cpu": "CPU"},
    server={"model": "org/demo", "software": "sgl", "version": "1.2.3", "url": "http://127.0.0.1:30000/v1"},
    client={"cmdline": ["sgl", "bench", "--concurrency", "8", "--name", "a b"], "git": "abc"},
    dataset={"name": "random", "seed": 1, "sha256": "ab" * 32},
    config={"api": "completions", "load": {"warmup": 8}, "goodput": ["chat"]},
)
HEALTH: Final = ClientHealth(0.1, 1.25, 4.0, 0.43, 2, 3512.0, 1024, ("the client was slow today",))
BEFORE: Final = {
    "sgl:request_queue_time_seconds_sum": 1.0,
    "sgl:request_queue_time_seconds_count": 10.0,
    "sgl:prompt_tokens_total": 100.0,
}
AFTER: Final = {
    "sgl:request_queue_time_seconds_sum": 13.0,
    "sgl:request_queue_time_seconds_count": 1210.0,
    "sgl:prompt_tokens_total": 12_100.0,
    "sgl:kv_cache_usage_perc": 0.5,
}


@cache
def one_run() -> Result:
    """1,200 answers and a few failures, with everything that a server can say."""
    records = [
        replace(record, input_tokens=10 + record.index % 90, cached_tokens=4, server={"queue_ms": 1.5})
        for record in closed_loop(requests=1200).records
    ]
    records += [failed(1.0, 1.0), failed(1.0, 1.0, "boom"), failed(1.0, 1.0, "slow down", 429)]
    run = run_of(records, concurrency=8, client=HEALTH, before=BEFORE, after=AFTER)
    return result_of(run, FACTS, slos=parse_slos(["chat"]))


@cache
def open_loop() -> Result:
    """Few requests, sent by the clock, cut short, whose tokens the server does not count."""
    records = [
        answer(index * 0.1 + 0.01, 0.05, [0.01] * 9, scheduled=index * 0.1, input_tokens=None, output_tokens=None)
        for index in range(30)
    ]
    return result_of(
        run_of(records, rate=10.0, partial=True), replace(FACTS, name="", config={"load": {"arrival": "poisson"}})
    )


@cache
def levels() -> tuple[Result, ...]:
    """A sweep with its knee at 16."""
    return tuple(
        result_of(closed_loop(concurrency=count, tpot=0.01 * (1 + count / 16) ** 1.5), FACTS)
        for count in (1, 4, 16, 64)
    )


@cache
def rounds() -> tuple[Result, ...]:
    """Two servers asked in turns."""
    return tuple(
        result_of(closed_loop(requests=40, seed=turn), replace(FACTS, config={"versus": {"side": side, "round": turn}}))
        for side in "AB"
        for turn in (1, 2)
    )


@cache
def comparison() -> Comparison:
    """A base and a faster run."""
    base, new = (result_of(closed_loop(tpot=tpot, seed=seed), FACTS) for tpot, seed in ((0.012, 1), (0.01, 2)))
    return compare_results(base, new)


def outcomes(result: Result) -> tuple[Outcome, ...]:
    """Some that pass and some that fail."""
    return check_all(parse_assertions(["chat", "error_rate<0.1%"]), result.document)


@cache
def nothing() -> Result:
    """A run without an answer."""
    return result_of(run_of([failed(0.0, 0.1), failed(0.0, 0.2)], concurrency=2), FACTS)


def huge() -> Result:
    """10,000 requests."""
    records = [
        Record(number, number / 100, number / 100 + 1 + number % 7, chunks=(number / 100 + 0.1 * (1 + number % 11),))
        for number in range(10_000)
    ]
    return result_of(run_of([replace(record, input_tokens=record.index) for record in records], concurrency=500), FACTS)


class Shown(io.TextIOWrapper):
    """A stream of bytes in memory that may say that it is a terminal."""

    def __init__(self, encoding: str = "utf-8", tty: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n", write_through=True)
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty

    def text(self) -> str:
        """What was written."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)


@contextmanager
def environment(columns: int = 80, **more: str) -> Iterator[None]:
    """Variables that decide how a terminal looks, and no others that could."""
    names = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS", "LINES")
    with patch.dict(os.environ):
        for name in names:
            os.environ.pop(name, None)
        os.environ.update({"TERM": "xterm", "COLUMNS": str(columns), "LINES": "24", **more})
        yield


def shown(print_on: Callable[[TextIO], Any], *, columns: int = 80, encoding: str = "utf-8", color: bool = False) -> str:
    """What a terminal of this width gets."""
    with environment(columns, **({} if color else {"NO_COLOR": "1"})):
        stream = Shown(encoding, tty=True)
        print_on(stream)
        return stream.text()


def _explained(stream: TextIO) -> None:
    stream.write("\n".join(explain_lines(Terminal(stream))) + "\n")


def golden() -> dict[str, Callable[[], str]]:
    """The files of golden/, and what makes each; nothing is computed before it is asked for."""
    return {
        "run_80.txt": lambda: shown(lambda stream: print_run(one_run(), stream)),
        "run_140.txt": lambda: shown(lambda stream: print_run(one_run(), stream), columns=140),
        "run_60_ascii.txt": lambda: shown(lambda stream: print_run(one_run(), stream), columns=60, encoding="ascii"),
        "open_80.txt": lambda: shown(lambda stream: print_run(open_loop(), stream)),
        "sweep_80.txt": lambda: shown(lambda stream: print_sweep(levels(), stream)),
        "compare_80.txt": lambda: shown(lambda stream: print_comparison(comparison(), stream)),
        "compare_140.txt": lambda: shown(lambda stream: print_comparison(comparison(), stream), columns=140),
        "outcomes.txt": lambda: shown(lambda stream: print_outcomes(outcomes(one_run()), stream)),
        "explain_80.txt": lambda: shown(_explained),
        "run.md": lambda: markdown_text([one_run()], outcomes(one_run())),
        "sweep.md": lambda: markdown_text(levels()),
        "compare.md": lambda: comparison_markdown(comparison(), names=("main", "branch")),
        "runs.csv": lambda: csv_text([one_run(), open_loop()]),
    }

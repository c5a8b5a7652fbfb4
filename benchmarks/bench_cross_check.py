"""`sgl bench` beside another project's load generator: ``python -m benchmarks.bench_cross_check --guidellm PATH``.

GuideLLM shares no code with ours. Both put the same closed loop on the same servers, one after the other: first on one
whose delays are known and that says afterwards what it did, then on ``sgl serve`` with the built-in model, or on any
other with ``--url``. Figures that mean the same stand in one line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from benchmarks.machine import cpu_name
from benchmarks.process import ServerProcess, free_port
from sgl import builtin
from tests.fake_bench_server import fake_bench_server

KNOWN: Final = {"ttft": 0.1, "ttft_spread": 0.5, "per_token": 0.01, "per_token_spread": 0.3}
TIMEOUT: Final = 600.0
READY_SECONDS: Final = 120.0

Figures = dict[str, float]
"""Name with its unit -> value."""


@dataclass(frozen=True)
class Load:
    """What both are asked to do.

    Attributes:
        concurrency: Requests at a time.
        requests: How many.
        input_tokens: Of each prompt.
        output_tokens: Of each answer.
    """

    concurrency: int
    requests: int
    input_tokens: int
    output_tokens: int


def ours(url: str, load: Load) -> Figures:
    """`sgl bench` as a user runs it."""
    words = ["--url", url, "-c", str(load.concurrency), "-n", str(load.requests), "--warmup", "0", "--json", "-q"]
    sizes = ["--input-len", str(load.input_tokens), "--output-len", str(load.output_tokens)]
    finished = subprocess.run(
        [sys.executable, "-m", "sgl_cli", "bench", *words, *sizes], capture_output=True, text=True, timeout=TIMEOUT
    )
    if finished.returncode:
        raise SystemExit(f"sgl bench failed: {finished.stderr.strip()}")
    figures = json.loads(finished.stdout)["summary"]
    means = {name: figures[f"{name.lower()}_ms"]["mean"] for name in ("TTFT", "TPOT", "NTPOT", "E2EL")}
    return {**_in_milliseconds(means), "req/s": figures["req_s"], "out tok/s": figures["out_tok_s"]}


def guidellm(program: Path, url: str, model: str, tokenizer: Path, load: Load) -> Figures:
    """GuideLLM's command line. What it calls inter-token latency is TPOT, and its time per output token NTPOT."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        root = url.removesuffix("/v1")
        route = "request_format=/v1/completions,validate_backend=false"
        words = [
            *("--backend", f"kind=openai_http,target={root},model={model},{route}"),
            *("--profile", f"kind=concurrent,streams={load.concurrency}"),
            *("--constraint", f"kind=max_requests,count={load.requests}"),
            *("--tokenizer", f"kind=hf_auto,model={tokenizer}"),
            *("--data", f"kind=synthetic_text,prompt_tokens={load.input_tokens},output_tokens={load.output_tokens}"),
            *("--output", f"kind=json,path={result}", "--disable-console"),
        ]
        environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
        finished = subprocess.run(
            [str(program), "run", *words], capture_output=True, text=True, timeout=TIMEOUT, env=environ
        )
        if finished.returncode or not result.is_file():
            raise SystemExit(f"guidellm failed: {finished.stderr.strip()[-1000:]}")
        metrics = json.loads(result.read_text(encoding="utf-8"))["benchmarks"][0]["metrics"]
    done = metrics["request_totals"]["successful"]
    if done != load.requests:
        raise SystemExit(f"guidellm has {done} answers, not {load.requests}")

    def mean(name: str) -> float:
        return float(metrics[name]["successful"]["mean"])

    means = {
        "TTFT": mean("time_to_first_token_ms"),
        "TPOT": mean("inter_token_latency_ms"),
        "NTPOT": mean("time_per_output_token_ms"),
        "E2EL": 1000 * mean("request_latency"),
    }
    speeds = {"req/s": mean("requests_per_second"), "out tok/s": mean("output_tokens_per_second")}
    return {**_in_milliseconds(means), **speeds}


def truth_of(entries: Sequence[Mapping[str, Any]]) -> Figures:
    """The same figures by the clock of the server with known delays."""
    first = [each["chunks"][0] - each["came"] for each in entries]
    whole = [each["end"] - each["came"] for each in entries]
    gaps = [later - earlier for each in entries for earlier, later in pairwise(each["chunks"])]
    tokens = [each["tokens"] for each in entries]
    seconds = max(each["end"] for each in entries) - min(each["came"] for each in entries)
    means = {
        "TTFT": fmean(first),
        "TPOT": fmean(gaps),
        "NTPOT": fmean(taken / count for taken, count in zip(whole, tokens, strict=True)),
        "E2EL": fmean(whole),
    }
    speeds = {"req/s": len(entries) / seconds, "out tok/s": sum(tokens) / seconds}
    return {**_in_milliseconds({name: 1000 * value for name, value in means.items()}), **speeds}


def known(measure: Callable[[str], Figures], load: Load) -> tuple[Figures, Figures]:
    """(what a client found, the truth) on a server of its own."""
    with fake_bench_server(**KNOWN) as server:
        found = measure(server.url)
        whole = [each for each in server.truth() if each["tokens"] == load.output_tokens]
    return found, truth_of(whole[-load.requests :])


def table(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns below a title."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([title, *lines])


def known_table(program: Path, load: Load, tokenizer: Path) -> str:
    """Both against the truth."""
    us, our_truth = known(lambda url: ours(url, load), load)
    them, their_truth = known(lambda url: guidellm(program, url, "fake", tokenizer, load), load)
    rows = [("", "sgl bench", "truth", "off", "GuideLLM", "truth", "off")]
    for name in us:
        left = (f"{us[name]:.2f}", f"{our_truth[name]:.2f}", _off(us[name], our_truth[name]))
        right = (f"{them[name]:.2f}", f"{their_truth[name]:.2f}", _off(them[name], their_truth[name]))
        rows.append((name, *left, *right))
    return table("A server with known delays", rows)


def served_table(program: Path, url: str, model: str, load: Load, tokenizer: Path) -> str:
    """Ours, theirs, and ours again: what differs between the first and the last is the machine."""
    runs = [ours(url, load), guidellm(program, url, model, tokenizer, load), ours(url, load)]
    rows = [("", "sgl bench", "GuideLLM", "sgl bench again", "GuideLLM off")]
    for name in runs[0]:
        mean = (runs[0][name] + runs[2][name]) / 2
        rows.append((name, *(f"{run[name]:.2f}" for run in runs), _off(runs[1][name], mean)))
    return table(f"{model}, served", rows)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guidellm", type=Path, required=True, help="its program, in an environment of its own")
    parser.add_argument("--url", help="a server, in place of sgl serve with the built-in model")
    parser.add_argument("--model", default="builtin", help="its name there")
    parser.add_argument("--tokenizer", type=Path, default=builtin.folder(), help="folder with its tokenizer")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--input-len", type=int, default=64)
    parser.add_argument("--output-len", type=int, default=32)
    given = parser.parse_args()
    load = Load(given.concurrency, given.requests, given.input_len, given.output_len)
    print(f"{cpu_name()}, {os.cpu_count()} cores; {load}\n")
    print(known_table(given.guidellm, load, given.tokenizer), end="\n\n")
    if given.url:
        print(served_table(given.guidellm, given.url, given.model, load, given.tokenizer))
        return 0
    port = free_port()
    command = [sys.executable, "-m", "sgl_cli", "serve", "-m", "builtin", "--port", str(port)]
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(
            command, port=port, health="/health", env={}, log=Path(folder, "log"), timeout=READY_SECONDS
        ) as server,
    ):
        url = f"http://127.0.0.1:{server.port}/v1"
        print(served_table(given.guidellm, url, given.model, load, given.tokenizer))
    return 0


def _in_milliseconds(means: Mapping[str, float]) -> Figures:
    return {f"{name} ms": value for name, value in means.items()}


def _off(value: float, truth: float) -> str:
    return f"{100 * (value / truth - 1):+.2f} %" if truth else "-"


if __name__ == "__main__":
    sys.exit(main())

"""``sgl bench`` as a process: every figure against a server whose delays are known (U9), and every exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import pytest

from tests.conftest import ROOT
from tests.fake_bench_server import FakeServer, fake_bench_server

TRUTH: Final = 0.02
"""A metric may be off by this share (U9)."""

ATTEMPTS: Final = 5
"""A process in the way of ours delays what is read, and is no fault of the definitions."""

TIMEOUT: Final = 120.0
REQUESTS: Final = 40
TOKENS: Final = 24
SIZES: Final = ("--input-len", "16", "--output-len", str(TOKENS))

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user without servers, caches and variables of his own."""
    (tmp_path / "run").mkdir(mode=0o700)
    unset = ("SGL_URL", "OPENAI_BASE_URL", "SGL_API_KEY", "OPENAI_API_KEY", "NO_COLOR", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    folders = {"XDG_RUNTIME_DIR": tmp_path / "run", "XDG_STATE_HOME": tmp_path / "state", "PYTHONPATH": ROOT}
    return {**kept, **{name: str(path) for name, path in folders.items()}}


@pytest.fixture
def bench(environment: Mapping[str, str], tmp_path: Path) -> Bench:
    """Runs ``sgl bench`` to its end."""

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sgl_cli", "bench", *words]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, input=stdin, capture_output=True, text=True, timeout=TIMEOUT
        )

    return run


def measured(server: FakeServer) -> list[dict[str, Any]]:
    """What the server knows of the run: its last requests, for there is no warm-up and the probe comes first."""
    return server.truth()[-REQUESTS:]


def close(value: float, truth: float) -> bool:
    """Within 2 %."""
    return abs(value - truth) <= TRUTH * abs(truth)


@pytest.mark.parametrize("api", ["completions", "chat", "generate"])
@pytest.mark.parametrize(
    ("usage", "tokens_per_chunk"), [("continuous", 1), ("continuous", 4), ("final", 4), ("none", 4)]
)
def test_every_metric_is_the_truth(api: str, usage: str, tokens_per_chunk: int, bench: Bench) -> None:
    counted = usage != "none" or api == "generate"
    delays = {"ttft": 0.2, "ttft_spread": 0.3, "per_token": 0.02, "per_token_spread": 0.2}
    words = ("--api", api, "-c", "10", "-n", str(REQUESTS), "--warmup", "0", *SIZES, "--json", "-q")
    off: dict[str, tuple[float, float]] = {}
    for _ in range(ATTEMPTS):
        with fake_bench_server(**delays, usage=usage, tokens_per_chunk=tokens_per_chunk, cached=0.25) as server:
            ended = bench("--url", server.url, *words)
            expected = figures_of(measured(server), counted=counted)
        assert (ended.returncode, ended.stderr) == (0, "")
        figures = json.loads(ended.stdout)["summary"]
        assert figures["requests"] == {"sent": REQUESTS, "ok": REQUESTS, "failed": 0}
        tokens = TOKENS if counted else -(-TOKENS // tokens_per_chunk)
        assert figures["out_tok"] == REQUESTS * tokens
        assert figures["answers_with_estimated_tokens"] == (0 if counted else REQUESTS)
        assert figures["cache"] is None or api == "chat" or figures["cache"]["share"] == pytest.approx(0.25)
        found = {name: figures[name]["mean"] if isinstance(figures[name], dict) else figures[name] for name in expected}
        found["prefill_mean_ms"] = figures["server"]["prefill_mean_ms"]
        expected["prefill_mean_ms"] = expected["ttft_ms"]
        off = {name: (found[name], value) for name, value in expected.items() if not close(found[name], value)}
        if not off:
            return
    raise AssertionError(f"(found, truth): {off}")


def figures_of(truth: Sequence[Mapping[str, Any]], *, counted: bool) -> dict[str, float]:
    """The means that a perfect client would find, in the units of a result file."""
    first = [each["chunks"][0] - each["came"] for each in truth]
    whole = [each["end"] - each["came"] for each in truth]
    tokens = [each["tokens"] if counted else len(each["chunks"]) for each in truth]
    gaps = [later - earlier for each in truth for earlier, later in pairwise(each["chunks"])]
    steps = [after - before if counted else 1 for each in truth for before, after in pairwise(each["counts"])]
    seconds = max(each["end"] for each in truth) - min(each["came"] for each in truth)
    tpot = [(e2el - ttft) / (n - 1) for ttft, e2el, n in zip(first, whole, tokens, strict=True)]
    return {
        "ttft_ms": 1000 * fmean(first),
        "e2el_ms": 1000 * fmean(whole),
        "tpot_ms": 1000 * fmean(tpot),
        "icl_ms": 1000 * fmean(gaps),
        "itl_ms": 1000 * sum(gaps) / sum(steps),
        "ntpot_ms": 1000 * fmean(e2el / n for e2el, n in zip(whole, tokens, strict=True)),
        "duration_s": seconds,
        "req_s": len(truth) / seconds,
        "out_tok_s": sum(tokens) / seconds,
    }


def test_failures_are_counted_and_in_no_latency(bench: Bench) -> None:
    faults = {"broken": 0.05, "cut": 0.05, "stream_error": 0.05, "stall": 0.05}
    with fake_bench_server(ttft=0.2, per_token=0.02, seed=5, **faults) as server:
        words = ("-c", "10", "-n", str(REQUESTS), "--warmup", "0", *SIZES, "--timeout", "3s", "--json", "-q")
        ended = bench("--url", server.url, *words)
        truth = measured(server)
        lenient = bench("--url", server.url, *words, "--max-errors", "60%")

    failed = [each for each in truth if each["fault"]]
    assert 2 <= len(failed) < REQUESTS
    assert ended.returncode == 4
    assert f"error: {len(failed)} of {REQUESTS} requests failed; --max-errors allows 1%" in ended.stderr
    figures = json.loads(ended.stdout)["summary"]
    assert figures["requests"] == {"sent": REQUESTS, "ok": REQUESTS - len(failed), "failed": len(failed)}
    assert figures["error_rate"] == pytest.approx(len(failed) / REQUESTS)
    expected = figures_of([each for each in truth if not each["fault"]], counted=True)
    for name in ("ttft_ms", "e2el_ms", "tpot_ms", "itl_ms", "icl_ms"):
        assert figures[name]["mean"] == pytest.approx(expected[name], rel=2.5 * TRUTH), name
    assert sum(group["count"] for group in figures["errors"]) == len(failed)
    assert lenient.returncode == 0


def test_an_open_loop_measures_from_the_schedule_too(bench: Bench) -> None:
    with fake_bench_server(ttft=0.3, per_token=0.0, slots=4) as server:
        words = ("--rate", "20", "--arrival", "constant", "-n", str(REQUESTS), "--warmup", "0", "-c", "4")
        ended = bench("--url", server.url, *words, "--input-len", "8", "--output-len", "2", "--json", "-q")

    figures = json.loads(ended.stdout)["summary"]
    # 20 requests a second come, 13 go: the last one waits for a good second, and its user knows.
    assert figures["req_s"] < (1 + TRUTH) * 4 / 0.3
    assert figures["ttft_scheduled_ms"]["max"] > figures["ttft_ms"]["max"] + 500
    assert figures["send_delay_ms"]["max"] > 500


def test_assertions_decide_the_exit_code(bench: Bench, tmp_path: Path) -> None:
    with fake_bench_server(ttft=0.02, per_token=0.001) as server:
        base = ("--url", server.url, "-c", "4", "-n", "40", *SIZES, "-q")
        passed = bench(*base, "--assert", "ttft.p50<5s", "--assert", "error_rate<1%")
        failed = bench(*base, "--assert", "ttft.p50<1ms", "--junit", "j.xml")
        unknown = bench(*base, "--assert", "ttft.p99.9<5s")
    assert (passed.returncode, failed.returncode, unknown.returncode) == (0, 3, 3)
    assert "FAIL  ttft.p50<1ms" in failed.stdout
    assert 'failures="1"' in (tmp_path / "j.xml").read_text()


def test_a_rule_with_abort_ends_a_run_early(bench: Bench) -> None:
    with fake_bench_server(ttft=0.05, per_token=0.0) as server:
        words = ("-c", "4", "--duration", "60s", *SIZES, "--assert", "ttft.p50<1ms abort")
        began = time.monotonic()
        ended = bench("--url", server.url, *words)
    assert ended.returncode == 3
    assert time.monotonic() - began < 40
    assert "the run was ended early: ttft.p50 is" in ended.stderr


def test_a_server_without_answers_is_never_a_success(bench: Bench) -> None:
    with fake_bench_server(broken=1.0) as server:
        ended = bench("--url", server.url, "-c", "2", "-n", "10", *SIZES, "--max-errors", "100%")
    assert ended.returncode == 4
    assert "does not answer a test request: CUDA out of memory" in ended.stderr


def test_a_server_that_is_not_ready_in_time(bench: Bench) -> None:
    with fake_bench_server(ready_after=3.0) as server:
        impatient = bench("--url", server.url, "--ready-timeout", "500ms")
        patient = bench("--url", server.url, "-n", "4", *SIZES)
    assert impatient.returncode == 5
    assert impatient.stderr.startswith(f"error: {server.url} was not ready within 0.5 s: loading the model\n")
    assert patient.returncode == 0
    absent = bench("--url", "http://127.0.0.1:1", "--ready-timeout", "2.2")
    assert absent.returncode == 5
    assert absent.stderr.startswith("waiting for http://127.0.0.1:1/v1, up to 2.2 s\nerror: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--concurency", "4"), "did you mean --concurrency?"),
        (("--rate", "4", "-c", "1,2"), "a list of --concurrency is a series of closed-loop runs"),
        (("--assert", "ttfz<1"), "did you mean ttft?"),
        (("--slo", "ttft"), "needs a limit"),
        (("--html", "."), "is a folder, not a file"),
    ],
)
def test_wrong_words(words: Sequence[str], said: str, bench: Bench) -> None:
    ended = bench(*words)
    assert ended.returncode == 2
    assert said in ended.stderr


@pytest.mark.parametrize(("interrupts", "number"), [(1, signal.SIGINT), (2, signal.SIGINT), (1, signal.SIGTERM)])
def test_ctrl_c_ends_with_a_partial_report(
    interrupts: int, number: signal.Signals, environment: Mapping[str, str], tmp_path: Path
) -> None:
    with fake_bench_server(ttft=0.3, per_token=0.05) as server:
        words = ("--url", server.url, "-c", "4", "--duration", "60s", "--warmup", "0", "--json", *SIZES)
        process = subprocess.Popen(
            [sys.executable, "-m", "sgl_cli", "bench", *words],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: server.counts()["requests"] >= 6)  # The probe, four, and one more after the first answer.
        for _ in range(interrupts):
            process.send_signal(number)
            time.sleep(0.2)
        out, err = process.communicate(timeout=TIMEOUT)
        truth = server.truth()[1:]
    assert process.returncode == 130, err
    summary = json.loads(out)["summary"]
    assert summary["partial"] is True
    assert "Ctrl-C again gives them up" in err
    whole = [each for each in truth if each["tokens"] == TOKENS]
    if interrupts == 1:
        assert summary["requests"] == {"sent": len(truth), "ok": len(truth), "failed": 0}
        assert len(whole) == len(truth)
    else:
        assert 1 <= summary["requests"]["ok"] < len(truth)
        assert "given up" in " ".join(summary["client"]["warnings"])


def test_ctrl_c_before_the_first_request(environment: Mapping[str, str], tmp_path: Path) -> None:
    with fake_bench_server(ttft=3600) as server:
        words = [sys.executable, "-m", "sgl_cli", "bench", "--url", server.url]
        process = subprocess.Popen(words, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: server.counts()["requests"] >= 1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (130, "")


def test_a_sweep_finds_the_servers_limit(bench: Bench, tmp_path: Path) -> None:
    with fake_bench_server(ttft=0.05, per_token=0.002, slots=8) as server:
        words = ("--sweep", "-n", "64", "--save", "s.json", "--html", "s.html", "--csv", "s.csv", *SIZES)
        ended = bench("--url", server.url, *words)
        again = bench("report", "s.json")
    assert ended.returncode == 0, ended.stderr
    assert "sweep ended: concurrency 16 brings" in ended.stderr or "sweep ended: concurrency 32 brings" in ended.stderr
    runs = json.loads((tmp_path / "s.json").read_text())["runs"]
    loads = [run["load"]["concurrency"] for run in runs]
    assert loads == sorted(loads)
    assert loads[:4] == [1, 2, 4, 8]
    assert "knee at concurrency 8" in ended.stdout or "knee at concurrency 12" in ended.stdout
    assert ended.stdout == again.stdout
    assert len({run["dataset"]["sha256"] for run in runs}) == len(runs)  # Nobody finds the last level's in a cache.
    assert len((tmp_path / "s.csv").read_text().splitlines()) == len(runs) + 1
    assert "<svg" in (tmp_path / "s.html").read_text()


def test_two_servers_in_turns(bench: Bench, tmp_path: Path) -> None:
    with fake_bench_server(per_token=0.003) as slow, fake_bench_server(per_token=0.002) as fast:
        words = ("-c", "4", "-n", "20", "--warmup", "0", *SIZES, "--json", "--save", "v.json", "--html", "v.html")
        ended = bench("--url", slow.url, "--vs", fast.url, *words)
        bodies = [[body["prompt"] for body in server.counts()["bodies"]] for server in (slow, fast)]
    assert ended.returncode == 0, ended.stderr
    rows = {row["metric"]: row for row in json.loads(ended.stdout)["rows"]}
    assert rows["tpot.p50"]["verdict"] == "better"
    assert rows["out_tok_s"]["verdict"] == "better"
    assert rows["out_tok_s"]["how"] == "5 rounds"
    sides = [set(map(tuple, side)) for side in bodies]
    assert len(sides[0] & sides[1]) >= 60  # Of the last 64: both were asked the same, and nothing twice.
    assert len(json.loads((tmp_path / "v.json").read_text())["runs"]) == 10
    assert "<h2>Comparison</h2>" in (tmp_path / "v.html").read_text()


def test_a_server_is_started_for_the_run_and_stopped_after_it(bench: Bench, environment: Mapping[str, str]) -> None:
    words = ("-m", "builtin", "-c", "2", "-n", "8", "--input-len", "20", "--output-len", "8", "--json")
    ended = bench(*words)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["server"]["software"] == "sgl"
    assert result["server"]["api"] == "completions"
    assert result["dataset"]["content"].startswith("token ids")
    assert result["summary"]["in_tok"] == 8 * 20
    assert result["summary"]["out_tok"] == 8 * 8
    assert result["summary"]["answers_with_estimated_tokens"] == 0
    listing = subprocess.run(
        [sys.executable, "-m", "sgl_cli", "ps"], env=environment, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert "no server is running" in listing.stdout + listing.stderr


def test_nobody_runs(bench: Bench) -> None:
    ended = bench()
    assert (ended.returncode, ended.stdout) == (5, "")
    assert "-m MODEL starts one for this run" in ended.stderr


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Returns as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

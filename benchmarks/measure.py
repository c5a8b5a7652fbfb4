"""Runs a scenario and keeps what it cost: answers, wall time, CPU time of the engine and of everybody else."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.client import Answer, Endpoint, RequestFailed, ask_all
from benchmarks.engines import Engine
from benchmarks.machine import CpuSeconds, cpu_seconds, resident_bytes
from benchmarks.model import ROOT
from benchmarks.process import ServerProcess
from benchmarks.workload import WARM_UP, Scenario, token_ids

SETTLE: Final = 0.5
"""Seconds between two rounds, for what an engine still does after an answer."""
IN_PROCESS_TIMEOUT: Final = 1200.0


@dataclass(frozen=True, slots=True)
class Round:
    """One run of one scenario on one engine.

    Attributes:
        engine, scenario: Their names.
        wall: Seconds from the first request to the last byte.
        answers: One per request.
        cores: Cores the engine used on average; None where that cannot be read.
        others: Cores that processes other than the engine and this client used: how quiet the machine was.
    """

    engine: str
    scenario: str
    wall: float
    answers: tuple[Answer, ...]
    cores: float | None = None
    others: float | None = None

    @property
    def generated(self) -> int:
        """Tokens generated."""
        return sum(answer.completion_tokens for answer in self.answers)

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens per second of wall time."""
        return self.generated / self.wall

    @property
    def ttfts(self) -> list[float]:
        """Seconds, per request."""
        return [answer.ttft for answer in self.answers]

    @property
    def tpots(self) -> list[float]:
        """Seconds, per request of two tokens or more."""
        return [answer.tpot for answer in self.answers if answer.tpot is not None]

    def as_json(self) -> dict[str, Any]:
        """For the results file; times in seconds, those of answers from the first request on."""
        start = min(answer.sent for answer in self.answers)
        answers = [
            {**asdict(a), "sent": a.sent - start, "first": a.first - start, "ended": a.ended - start}
            for a in self.answers
        ]
        summary = {
            "tokens_per_second": self.tokens_per_second,
            "ttft_median": statistics.median(self.ttfts),
            "tpot_median": statistics.median(self.tpots),
            "cached_tokens": sum(answer.cached_tokens for answer in self.answers),
        }
        return {
            "engine": self.engine,
            "scenario": self.scenario,
            "wall": self.wall,
            "cores": self.cores,
            "other_cores": self.others,
            **summary,
            "answers": [_rounded(answer) for answer in answers],
        }


@dataclass(frozen=True, slots=True)
class Startup:
    """What a server costs before it has done anything.

    Attributes:
        engine: Its name.
        ready_seconds: From its start until its health page answered.
        resident: Bytes of its first process (the HTTP process of sgl), after warm-up.
    """

    engine: str
    ready_seconds: float
    resident: int | None


def run_scenario(engine: Engine, server: ServerProcess, scenario: Scenario, seed: int) -> Round:
    """Sends a scenario's requests and waits for all answers.

    Raises:
        RequestFailed: A request failed, or the server did not do what was asked.
    """
    prompts = scenario.prompts(seed)
    bodies = [engine.body(engine, prompt, scenario.output) for prompt in prompts]
    time.sleep(SETTLE)
    before, own = cpu_seconds(server.pid), time.process_time()
    begun = time.perf_counter()
    answers = asyncio.run(ask_all(Endpoint(server.port), bodies, scenario.concurrency))
    wall = max(answer.ended for answer in answers) - begun
    after, own = cpu_seconds(server.pid), time.process_time() - own
    for prompt, answer in zip(prompts, answers, strict=True):
        _check(answer, len(prompt), scenario.output)
    cores, others = _cores(before, after, own, wall)
    return Round(engine.name, scenario.key, wall, tuple(answers), cores, others)


def warm_up(engine: Engine, server: ServerProcess) -> Startup:
    """Lets a server do its lazy set-up, and notes what it cost to start."""
    bodies = [engine.body(engine, prompt, WARM_UP.output) for prompt in WARM_UP.prompts(0)]
    asyncio.run(ask_all(Endpoint(server.port), bodies, WARM_UP.concurrency))
    return Startup(engine.name, server.ready_seconds, resident_bytes(server.pid))


def run_in_process(python: str, way: str, model: str, scenario: Scenario, seed: int) -> Round:
    """Runs transformers in a process of its own, without HTTP; see `benchmarks.in_process`.

    Raises:
        RequestFailed: The process failed; with the end of its errors.
    """
    prompts = [token_ids(prompt) for prompt in scenario.prompts(seed)]
    job = {"way": way, "model": model, "output": scenario.output, "prompts": prompts}
    try:
        result = subprocess.run(
            [python, "-m", "benchmarks.in_process"],
            input=json.dumps(job),
            cwd=ROOT.parent,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=IN_PROCESS_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise RequestFailed(f"did not end within {IN_PROCESS_TIMEOUT:g} s") from error
    if result.returncode != 0:
        raise RequestFailed(f"exited with {result.returncode}: {' | '.join(result.stderr[-400:].splitlines())}")
    outcome = json.loads(result.stdout.splitlines()[-1])
    answers = tuple(Answer(**answer) for answer in outcome["answers"])
    for prompt, answer in zip(prompts, answers, strict=True):
        _check(answer, len(prompt), scenario.output)
    return Round(f"transformers {way}", scenario.key, outcome["wall"], answers, outcome["cores"], outcome["others"])


def _check(answer: Answer, prompt_tokens: int, output: int) -> None:
    """An engine that computes less than its peers must not win."""
    if answer.prompt_tokens != prompt_tokens:
        raise RequestFailed(f"the prompt has {prompt_tokens} tokens and was counted as {answer.prompt_tokens}")
    if answer.completion_tokens != output:
        raise RequestFailed(f"{output} tokens were asked for and {answer.completion_tokens} came")


def _cores(before: CpuSeconds, after: CpuSeconds, own: float, wall: float) -> tuple[float | None, float | None]:
    if before.tree is None or after.tree is None:
        return None, None
    engine = after.tree - before.tree
    if before.machine is None or after.machine is None:
        return engine / wall, None
    return engine / wall, max(0.0, after.machine - before.machine - engine - own) / wall


def _rounded(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in answer.items()}


def pooled(rounds: Sequence[Round]) -> tuple[float, float, float]:
    """(tokens per second, median TTFT, median TPOT) over rounds of one engine and one scenario."""
    wall = sum(each.wall for each in rounds)
    ttfts = [value for each in rounds for value in each.ttfts]
    tpots = [value for each in rounds for value in each.tpots]
    return sum(each.generated for each in rounds) / wall, statistics.median(ttfts), statistics.median(tpots)

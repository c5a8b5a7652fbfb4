"""A real model behind a scheduler that plans ahead: the same tokens, logprobs and prompt logprobs."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sgl.batch.batch import Batch, Entry, StepResult
from sgl.batch.request import Request
from sgl.config.engine import EngineConfig
from sgl.engine.build import build_engine
from sgl.engine.runner import CpuRunner
from sgl.protocol.messages import LogprobRequest
from sgl.scheduler.io import ListIO
from sgl.scheduler.loop import Scheduler
from sgl.scheduler.policy import fcfs
from tests.harness import Answer, LocalEngine, generate


class AheadRunner:
    """A CPU runner that behaves as if its steps were in flight: the host hears of a token one step late."""

    overlaps = True
    keeps_history = False

    def __init__(self, runner: CpuRunner) -> None:
        self.futures = 0
        self._runner = runner
        self._drawn: dict[int, int] = {}
        self._flights: deque[Any] = deque()

    def launch(self, batch: Batch) -> LateResult:
        """Computes at once, with the tokens of the step before."""
        self.futures += sum(entry.future for entry in batch.entries)
        known = Batch(tuple(self._known(entry) if entry.future else entry for entry in batch.entries))
        result = self._runner.launch(known).wait()
        for entry, one in zip(batch.entries, result.results, strict=True):
            if one.drawn:
                self._drawn[entry.lease.row] = one.drawn[0].token
        return LateResult(result)

    def _known(self, entry: Entry) -> Entry:
        request: Request = copy.copy(entry.request)
        request.sample_row = replace(request.sample_row)
        request.append(self._drawn[entry.lease.row])
        return replace(entry, request=request, ahead=0)


class LateResult:
    """What was computed at launch."""

    def __init__(self, result: StepResult) -> None:
        self._result = result

    def wait(self) -> StepResult:
        """The result."""
        return self._result


def answers(folder: Path, *, overlap: bool, **options: Any) -> tuple[dict[int, Answer], AheadRunner]:
    config = EngineConfig(model_path=str(folder), threads=1, max_total_tokens=512, **options)
    built = build_engine(config, lambda phase: None)
    io = ListIO()
    runner = AheadRunner(built.runner)
    scheduler = Scheduler(built.info, runner, built.cache, io, order=fcfs, max_queued=99, overlap=overlap)
    engine = LocalEngine(scheduler, io)
    draw = np.random.default_rng(5)
    for rid in range(7):
        ids = [1, *draw.integers(3, 500, 11 + 7 * rid).tolist()]
        sampling: dict[str, Any] = {"max_new_tokens": 18, "temperature": 0.8 * (rid % 3), "top_p": 0.9}
        if rid % 4 == 1:
            sampling["repetition_penalty"] = 1.3
        if rid % 4 == 2:
            sampling["min_new_tokens"] = 12
            sampling["stop_token_ids"] = (411, 426, 429)
        wanted = LogprobRequest(output=True, top=2, prompt_start=rid % 2 if rid % 4 == 3 else -1)
        engine.submit(generate(rid, ids, logprobs=wanted, **sampling))
        engine.step()
    # What is found in the cache depends on when a request is planned, and may.
    return {rid: replace(one, cached_tokens=0, retractions=0) for rid, one in engine.finish().items()}, runner


@pytest.mark.parametrize("page_size", [1, 16])
def test_a_real_model_says_the_same(stories260k: Path, page_size: int) -> None:
    options: dict[str, Any] = {"page_size": page_size, "chunked_prefill_size": 24, "max_running_requests": 5}
    plain, runner = answers(stories260k, overlap=False, deterministic=True, **options)
    assert runner.futures == 0
    ahead, runner = answers(stories260k, overlap=True, deterministic=True, **options)
    assert runner.futures > 50
    assert any(answer.prompt_logprobs for answer in plain.values())
    assert ahead == plain

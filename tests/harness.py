"""A whole engine in this process: the real scheduler, cache, runner and model behind a scripted line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sgl.config.engine import EngineConfig
from sgl.protocol.messages import (
    Delta,
    Failed,
    Finish,
    Generate,
    LogprobRequest,
    Outputs,
    TokenLogprob,
)
from sgl.protocol.sampling import SamplingParams
from sgl.scheduler.build import build_scheduler
from sgl.scheduler.io import ListIO
from sgl.scheduler.loop import Scheduler


@dataclass
class Answer:
    """All that was said about one request."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    prompt_logprobs: list[TokenLogprob | None] | None = None
    cached_tokens: int = 0
    retractions: int = 0
    finish: Finish | None = None
    failure: Failed | None = None

    def take(self, delta: Delta) -> None:
        assert self.finish is None, "nothing comes after the end"
        assert self.failure is None, "nothing comes after a failure"
        assert delta.start == len(self.tokens), "deltas are dense"
        if not self.tokens and delta.prompt_logprobs is not None:
            self.prompt_logprobs = delta.prompt_logprobs
        self.cached_tokens = max(self.cached_tokens, delta.cached_tokens)
        self.retractions = delta.retractions
        self.tokens += delta.token_ids
        self.logprobs += delta.logprobs
        self.finish = delta.finish


def generate(rid: int, prompt: Sequence[int], *, logprobs: LogprobRequest | None = None, **sampling: Any) -> Generate:
    """A request; greedy unless a temperature is given."""
    seed = sampling.pop("seed", 7)
    namespace = sampling.pop("namespace", "")
    return Generate(
        rid=rid,
        input_ids=np.asarray(prompt, dtype="<i4").tobytes(),
        sampling=SamplingParams(**{"temperature": 0.0, **sampling}),
        seed=seed,
        logprobs=logprobs or LogprobRequest(),
        namespace=namespace,
    )


class LocalEngine:
    """Drives a `Scheduler` step by step; every step is followed by a thorough check of cache and requests."""

    def __init__(self, scheduler: Scheduler, io: ListIO) -> None:
        self.scheduler = scheduler
        self.io = io
        self.answers: dict[int, Answer] = {}

    @classmethod
    def load(cls, folder: Path, **options: Any) -> LocalEngine:
        """Builds the engine of a model folder; ``options`` are fields of `EngineConfig`, and ``report``."""
        io = ListIO()
        report = options.pop("report", lambda phase: None)
        config = EngineConfig(model_path=str(folder), **{"threads": 1, "max_total_tokens": 4096, **options})
        return cls(build_scheduler(config, io, report), io)

    def submit(self, *requests: Generate) -> None:
        """Hands over requests."""
        for request in requests:
            self.answers[request.rid] = Answer()
            self.scheduler.receive(request)
        self.collect()

    def step(self) -> bool:
        """One step; True while there is work."""
        worked = self.scheduler.step()
        violations = self.scheduler._cache.check(thorough=True)
        assert violations == []
        self._check_requests()
        self.collect()
        return worked

    def _check_requests(self) -> None:
        """What is launched and drawing is what the steps in flight do."""
        flying = self.scheduler._pipeline.depth
        assert flying <= 1
        for request in self.scheduler.planner.requests():
            assert request.computed <= request.launched <= request.total
            assert request.drawing in (0, flying)
            assert flying or request.launched == request.computed

    def collect(self) -> None:
        """Files what was sent."""
        for message in self.io.sent:
            if isinstance(message, Outputs):
                for delta in message.deltas:
                    self.answers[delta.rid].take(delta)
            elif isinstance(message, Failed):
                self.answers[message.rid].failure = message
        self.io.sent.clear()

    def finish(self, limit: int = 5000) -> dict[int, Answer]:
        """Steps until nothing is left."""
        for _ in range(limit):
            if not self.step() and self.scheduler.planner.idle:
                return self.answers
        raise AssertionError(f"not finished after {limit} steps")

    def ask(self, prompt: Sequence[int], **options: Any) -> Answer:
        """One request alone, to the end."""
        rid = 1 + max(self.answers, default=0)
        self.submit(generate(rid, prompt, **options))
        return self.finish()[rid]

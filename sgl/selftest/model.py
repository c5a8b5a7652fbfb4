"""A whole model: the built-in one answers as its plain twin does, prompt and decode steps through paged KV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from sgl import builtin
from sgl.batch.batch import Batch, Entry
from sgl.batch.request import Request
from sgl.config.devices import DeviceName
from sgl.config.engine import EngineConfig
from sgl.engine.build import Engine, build_engine
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.selftest.case import Measured
from sgl.selftest.plain import PlainLlama

PROMPT: Final = tuple(range(40, 60))
STEPS: Final = 5
ALLOWED: Final = 2e-3
"""Of a log probability: float32 through the whole model."""

Build = Callable[[EngineConfig], Engine]


def build(config: EngineConfig) -> Engine:
    """An engine, silently."""
    return build_engine(config, lambda phase: None)


def answer(build: Build = build, *, device: DeviceName = "cpu") -> Measured:
    """Greedy tokens and their log probabilities."""
    engine = build(
        EngineConfig(
            model_path=str(builtin.folder()),
            dtype="float32",
            max_model_len=64,
            max_total_tokens=128,
            max_running_requests=1,
            page_size=4,
            threads=1,
            device=device,
        )
    )
    twin = PlainLlama(builtin.folder())
    ids = list(PROMPT)
    largest = 0.0
    for token, logprob in _steps(engine):
        expected = twin.logprobs(ids)
        best = int(expected.argmax())
        if token != best:
            return Measured("error", f"token {len(ids) - len(PROMPT)} of the answer is {token}, not {best}")
        largest = max(largest, abs(logprob - float(expected[best])))
        ids.append(best)
    if not largest <= ALLOWED:
        return Measured("error", f"logprobs differ by {largest:.1e}, allowed {ALLOWED:.1e}", largest)
    return Measured("ok", f"{STEPS} of {STEPS} tokens equal, logprobs within {largest:.1e}", largest)


def _steps(engine: Engine) -> list[tuple[int, float]]:
    """(token, log probability) of each step: the prompt, then one token at a time."""
    request = Request(
        0,
        np.array(PROMPT, dtype=np.int32),
        SamplingParams(temperature=0.0),
        seed=0,
        max_new_tokens=STEPS,
        eos_token_ids=(),
        logprobs=LogprobRequest(output=True),
        namespace="",
        arrival=0.0,
    )
    lease = engine.cache.open("", request.token_ids, limit=0)
    if lease is None:
        raise RuntimeError("the KV pool has no row for the request")
    steps = []
    try:
        for _ in range(STEPS):
            if not engine.cache.extend(lease, request.total):
                raise RuntimeError("the KV pool has no page for the request")
            entry = Entry(request, lease, request.computed, request.pending, draws=True)
            (drawn,) = engine.runner.launch(Batch((entry,))).wait().results[0].drawn
            if drawn.logprob is None:
                raise RuntimeError("the logits are not finite" if not drawn.finite else "a token without its logprob")
            request.compute(request.total)
            request.append(drawn.token)
            steps.append((drawn.token, drawn.logprob.logprob))
    finally:
        engine.cache.release(lease)
    return steps

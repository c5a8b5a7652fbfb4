"""Throw-away requests before the first real one, so that nobody pays for lazy set-up.

On a GPU, kernels are compiled for what a batch is like, once for a machine (Triton keeps them in its cache): prompts
and batches between all powers of two are computed, after which no size needs another kernel
(`benchmarks.pretended_gpu`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import numpy as np

from sgl.batch.batch import Batch, Entry
from sgl.batch.request import Request
from sgl.engine.build import Engine
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams

PROMPT_TOKENS: Final = 8


def warm_up(engine: Engine) -> None:
    """Runs requests through runner and pool; leaves the cache as it was."""
    info = engine.info
    longest = min(info.chunked_prefill_size, info.max_request_tokens - 2)
    if longest < 1:
        return
    if info.device == "cpu":
        _answer(engine, [min(PROMPT_TOKENS, longest)], steps=2)
        return
    for tokens in sizes(min(info.chunked_prefill_size, info.max_running_requests * longest)):
        whole, rest = divmod(tokens, longest)
        _answer(engine, [longest] * whole + [rest] * (rest > 0), steps=1)
    for requests in sizes(info.max_running_requests):
        _answer(engine, [1] * requests, steps=1)


def sizes(largest: int) -> tuple[int, ...]:
    """One between each power of two and the next, and ``largest``: another kernel is chosen from a power of two on."""
    between = (3 << power for power in range(largest.bit_length()))
    return tuple(sorted({1, min(2, largest), *(size for size in between if size < largest), largest}))


def _answer(engine: Engine, prompts: Sequence[int], *, steps: int) -> None:
    """Prompts of so many tokens in one batch, and decode steps behind it; nothing where the pool is too small."""
    with ExitStack() as stack:
        entries = []
        for number, tokens in enumerate(prompts):
            request = _request(number, tokens)
            lease = engine.cache.open("", request.token_ids, limit=0)
            if lease is None:
                return
            stack.callback(engine.cache.release, lease)
            entries.append(Entry(request, lease, 0, tokens, draws=True))
        for _ in range(steps):
            if not all(engine.cache.extend(entry.lease, entry.stop) for entry in entries):
                return
            results = engine.runner.launch(Batch(tuple(entries))).wait().results
            for entry, result in zip(entries, results, strict=True):
                entry.request.compute(entry.stop)
                entry.request.append(result.drawn[0].token)
            entries = [Entry(each.request, each.lease, each.stop, 1, draws=True) for each in entries]


def _request(number: int, tokens: int) -> Request:
    return Request(
        number,
        np.zeros(tokens, dtype=np.int32),
        SamplingParams(temperature=1.0, top_p=0.9),
        seed=0,
        max_new_tokens=2,
        eos_token_ids=(),
        # One row of a batch is enough to load what computes them.
        logprobs=LogprobRequest(output=number == 0, top=1, token_ids=(0,)),
        namespace="",
        arrival=0.0,
    )

"""One prompt and one decode step before the first request, so that nobody pays for lazy set-up."""

from __future__ import annotations

from typing import Final

import numpy as np

from sgl.batch.batch import Batch, Entry
from sgl.batch.request import Request
from sgl.engine.build import Engine
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams

PROMPT_TOKENS: Final = 8


def warm_up(engine: Engine) -> None:
    """Runs a throw-away request through runner and pool; leaves the cache as it was."""
    length = min(PROMPT_TOKENS, engine.info.chunked_prefill_size, engine.info.max_request_tokens - 2)
    if length < 1:
        return
    request = Request(
        0,
        np.zeros(length, dtype=np.int32),
        SamplingParams(temperature=1.0, top_p=0.9),
        seed=0,
        max_new_tokens=2,
        eos_token_ids=(),
        logprobs=LogprobRequest(),
        namespace="",
        arrival=0.0,
    )
    lease = engine.cache.open("", request.token_ids, limit=0)
    if lease is None:
        return
    try:
        for _ in range(2):
            if not engine.cache.extend(lease, request.total):
                return
            entry = Entry(request, lease, request.computed, request.pending, draws=True)
            result = engine.runner.launch(Batch((entry,))).wait().results[0]
            request.compute(request.total)
            request.append(result.drawn[0].token)
    finally:
        engine.cache.release(lease)

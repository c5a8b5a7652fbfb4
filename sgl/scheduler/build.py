"""A scheduler over a freshly built engine."""

from __future__ import annotations

import gc
import time

from sgl.batch.request import Request
from sgl.config.engine import EngineConfig
from sgl.engine.build import Report, build_engine
from sgl.engine.warmup import warm_up
from sgl.kvcache.cache import PrefixCache
from sgl.protocol.messages import Phase
from sgl.scheduler.io import Io
from sgl.scheduler.loop import Scheduler
from sgl.scheduler.policy import Order, fcfs, longest_prefix_match
from sgl.spec.ngram import NgramProposer


def build_scheduler(config: EngineConfig, io: Io, report: Report) -> Scheduler:
    """Builds everything one engine process runs.

    Raises:
        SglError: See `sgl.engine.build.build_engine`.
    """
    engine = build_engine(config, report)
    begun = time.monotonic()
    report(Phase("warm_up"))
    warm_up(engine)
    report(Phase("warm_up", seconds=time.monotonic() - begun))
    # What exists now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    return Scheduler(
        engine.info,
        engine.runner,
        engine.cache,
        io,
        order=_order(engine.config.schedule_policy, engine.cache),
        max_queued=engine.config.max_queued_requests,
        proposer=NgramProposer() if engine.config.speculative == "ngram" else None,
        max_drafts=engine.config.draft_tokens if engine.config.speculative else 0,
        overlap=engine.config.overlap,
    )


def _order(policy: str, cache: PrefixCache) -> Order:
    if policy == "fcfs":
        return fcfs

    def matched(request: Request) -> int:
        return cache.peek(request.namespace, request.token_ids)

    return longest_prefix_match(matched)

"""`Scheduler`: receive, plan, launch, wait, apply, send. Runner, io and order are arguments."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from sgl.batch.batch import Batch, EntryResult, StepResult
from sgl.batch.request import Request
from sgl.engine.runner import Runner
from sgl.errors import EngineFailure, SglError
from sgl.kvcache.cache import PrefixCache
from sgl.protocol.messages import (
    Abort,
    Delta,
    EngineInfo,
    FlushCache,
    Flushed,
    Generate,
    Outputs,
    Probe,
    Stop,
    ToEngine,
)
from sgl.scheduler.intake import admit, check_queue
from sgl.scheduler.io import Io
from sgl.scheduler.planner import Planner
from sgl.scheduler.policy import Order
from sgl.scheduler.results import Results, aborted, failed
from sgl.scheduler.stats import Counters, RateMeter, make_stats
from sgl.spec.proposer import NoDrafts, Proposer

log = logging.getLogger(__name__)

STATS_EVERY: Final = 0.25
"""Seconds between unasked `Stats` while busy."""


class Scheduler:
    """One engine's loop. Single-threaded: everything it owns is changed here and nowhere else.

    Args:
        info: What the engine turned out to be.
        runner: Computes batches.
        cache: Pages and prefixes.
        io: The line to the client.
        order: Order of the waiting queue.
        proposer: Guesses tokens for speculative decoding.
        max_drafts: Most guesses per request and step; 0 is plain decoding.
        max_queued: Most waiting requests.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        info: EngineInfo,
        runner: Runner,
        cache: PrefixCache,
        io: Io,
        *,
        order: Order,
        max_queued: int,
        proposer: Proposer | None = None,
        max_drafts: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.info = info
        self.planner = Planner(
            cache,
            budget=info.chunked_prefill_size,
            max_running=info.max_running_requests,
            order=order,
            proposer=proposer or NoDrafts(),
            max_drafts=max_drafts,
        )
        self.counters = Counters()
        self._runner = runner
        self._cache = cache
        self._io = io
        self._max_queued = max_queued
        self._clock = clock
        self._results = Results(cache, self.planner, self.counters)
        self._requests: dict[int, Request] = {}
        self._rate = RateMeter(clock())
        self._stats_due = clock()

    def run(self) -> None:
        """Serves until `Stop`; blocks without using the CPU while there is nothing to do."""
        while True:
            if self.planner.idle:
                self._rest()
            for message in self._io.recv(None if self.planner.idle else 0.0):
                if isinstance(message, Stop):
                    return
                self.receive(message)
            self.step()

    def receive(self, message: ToEngine) -> None:
        """Takes one message; a bad one is answered and changes nothing."""
        match message:
            case Generate():
                self._admit(message)
            case Abort(rid):
                self._abort(rid)
            case FlushCache(ticket):
                self._flush(ticket)
            case Probe(ticket):
                self._send_stats(ticket)
            case Stop():
                raise ValueError("Stop ends the loop and is not received")

    def step(self) -> bool:
        """Computes one batch; False when there was nothing to compute."""
        begun = self._clock()
        batch = self.planner.plan(begun)
        if batch is None:
            self._refuse_the_impossible()
            return False
        deltas: list[Delta] = []
        for part, result in self._compute(batch):
            done, failures = self._results.apply(part, result, self._clock())
            deltas += done
            for request, error in failures:
                self._fail(request, error)
        for delta in deltas:
            if delta.finish is not None:
                self._requests.pop(delta.rid, None)
        if deltas:
            self._io.send(Outputs(deltas))
        now = self._clock()
        self.counters.steps += 1
        self.counters.last_step_seconds = now - begun
        if now >= self._stats_due:
            self._send_stats(0)
        return True

    def _compute(self, batch: Batch) -> list[tuple[Batch, StepResult]]:
        """Runs a batch. If it raises, halves are tried, so that a request that breaks a step fails alone.

        A step is a pure function of token ids and KV, so computing part of it again is harmless.
        """
        step = self._cache.begin_step()
        try:
            return [(batch, self._runner.launch(batch).wait())]
        except Exception:
            log.exception("a step of %d requests failed", len(batch.entries))
        finally:
            self._cache.retire(step)
        if len(batch.entries) == 1:
            request = batch.entries[0].request
            self._fail(request, EngineFailure("the engine failed to compute this request; its log has the cause"))
            return [(batch, StepResult((EntryResult(),)))]
        return [result for half in batch.halves() for result in self._compute(half)]

    def _admit(self, message: Generate) -> None:
        try:
            check_queue(len(self.planner.waiting), self._max_queued)
            request = admit(message, self.info, now=self._clock(), taken=self._requests)
        except SglError as error:
            self.counters.failed += 1
            self._io.send(failed(message.rid, error))
            return
        self._requests[request.rid] = request
        self.planner.add(request)

    def _abort(self, rid: int) -> None:
        request = self._requests.pop(rid, None)
        if request is None:
            return
        self.planner.remove(request)
        self.counters.aborts += 1
        self._io.send(Outputs([aborted(request, self._clock())]))

    def _fail(self, request: Request, error: SglError) -> None:
        self.planner.remove(request)
        self._requests.pop(request.rid, None)
        self.counters.failed += 1
        self._io.send(failed(request.rid, error))

    def _flush(self, ticket: int) -> None:
        if self.planner.idle and self._cache.flush():
            self._io.send(Flushed(ticket, True, "Cache flushed."))
        else:
            live = len(self.planner.running), len(self.planner.waiting)
            self._io.send(Flushed(ticket, False, f"Not flushed: {live[0]} requests running, {live[1]} waiting."))

    def _refuse_the_impossible(self) -> None:
        """Nothing runs and the queue's head cannot start: answer it, or it would wait for ever."""
        if self.planner.waiting and not self.planner.running:
            self._fail(self.planner.waiting[0], EngineFailure("the KV pool cannot hold this request"))

    def _rest(self) -> None:
        """Going idle: every page must be accounted for, and the client gets the last numbers."""
        violations = self._cache.check()
        self.counters.violations += len(violations)
        for violation in violations:
            log.error("cache invariant violated: %s", violation)
        self._send_stats(0)

    def _send_stats(self, ticket: int) -> None:
        now = self._clock()
        self._stats_due = now + STATS_EVERY
        self._io.send(
            make_stats(
                self.counters,
                ticket=ticket,
                running=len(self.planner.running),
                queued=len(self.planner.waiting),
                retractions=self.planner.retractions_total,
                kv_tokens=self._cache.total_tokens,
                kv_used=self._cache.used_tokens,
                kv_cached=self._cache.cached_tokens_in_tree,
                evicted=self._cache.evicted_tokens_total,
                rate=self._rate.look(now, self.counters.generated_tokens),
            )
        )

"""`Scheduler`: receive, plan, launch, wait, apply, send. Runner, io and order are arguments.

With a runner that overlaps, a step is planned and launched while the one before it is in flight, and only then
that one is waited for, applied and sent: the device goes on while the host works. The answers are the same; a
request that ends by a token nobody foresaw has one entry too many in flight, whose result is ignored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from sgl.batch.batch import Batch, StepResult
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
from sgl.scheduler.pipeline import Pipeline
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
        overlap: Whether a step may be launched while one is in flight, where the runner can do that. With
            guesses it never is: they follow a token that must be known first.
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
        overlap: bool = True,
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
            keeps_history=runner.keeps_history,
        )
        self.counters = Counters()
        self._pipeline = Pipeline(runner, cache)
        self._most_in_flight = 1 if overlap and runner.overlaps and not max_drafts else 0
        self._cache = cache
        self._io = io
        self._max_queued = max_queued
        self._clock = clock
        self._results = Results(cache, self.planner, self.counters)
        self._requests: dict[int, Request] = {}
        self._rate = RateMeter(clock())
        self._stats_due = clock()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do: no request, and no step in flight."""
        return self.planner.idle and not self._pipeline.depth

    def run(self) -> None:
        """Serves until `Stop`; blocks without using the CPU while there is nothing to do."""
        while True:
            if self.idle:
                self._rest()
            for message in self._io.recv(None if self.idle else 0.0):
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
        """Launches one batch, then applies the results of the one before; False when there was neither.

        Without overlap it is the same batch. Nothing stays in flight behind a step for which there was no plan.
        """
        begun = self._clock()
        batch = self.planner.plan(begun, in_flight=self._pipeline.depth > 0)
        launched = batch is not None and self._pipeline.launch(batch)
        if not launched and not self._pipeline.depth:
            self._refuse_the_impossible()
            return False
        while self._pipeline.depth > (self._most_in_flight if launched else 0):
            self._apply(self._land())
            self.counters.steps += 1
        now = self._clock()
        self.counters.last_step_seconds = now - begun
        if now >= self._stats_due:
            self._send_stats(0)
        return True

    def _apply(self, computed: list[tuple[Batch, StepResult]]) -> None:
        deltas: list[Delta] = []
        for batch, result in computed:
            done, failures = self._results.apply(batch, result, self._clock())
            deltas += done
            for request, error in failures:
                self._fail(request, error)
        for delta in deltas:
            if delta.finish is not None:
                self._requests.pop(delta.rid, None)
        if deltas:
            self._io.send(Outputs(deltas))

    def _land(self) -> list[tuple[Batch, StepResult]]:
        """Waits for the oldest step. If it raised, its batch is tried again in parts, and nothing stays in flight."""
        batch = self._pipeline.oldest
        try:
            return [(batch, self._pipeline.wait())]
        except Exception:
            log.exception("a step of %d requests failed", len(batch.entries))
        return self._try_again(batch)

    def _try_again(self, batch: Batch) -> list[tuple[Batch, StepResult]]:
        """Computes a batch that failed: without the entries nobody wants any more, or else in halves, so that a
        request that breaks a step fails alone.

        A step is a pure function of token ids and KV, so computing part of it again is harmless.
        """
        wanted = batch.settled()
        if wanted is None:
            return []
        if len(wanted.entries) < len(batch.entries):
            parts: tuple[Batch, ...] = (wanted,)
        elif len(batch.entries) > 1:
            parts = wanted.halves()
        else:
            cause = EngineFailure("the engine failed to compute this request; its log has the cause")
            self._fail(batch.entries[0].request, cause)
            return []
        results: list[tuple[Batch, StepResult]] = []
        for part in parts:
            self._pipeline.launch(part)
            results += self._land()
        return results

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

"""Which tokens of which requests the next step computes.

One ragged batch under one token budget, filled in this order: one token of every decoding request, the
next chunk of every request whose prompt is partly computed, then new requests from the queue. Requests are
served oldest first everywhere; when pages run out the youngest is retracted, so the oldest always goes on.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sgl.batch.batch import Batch, Entry
from sgl.batch.request import Request, State
from sgl.kvcache.cache import PrefixCache
from sgl.scheduler.policy import Order, ReserveRatio, common_prefix
from sgl.spec.proposer import Proposer

SHARE_FROM: Final = 32
"""A request waits for a prefix that is being computed if that saves at least this many tokens."""
LOOK_AHEAD: Final = 128
"""Waiting requests looked at per step."""


class Planner:
    """Owns the waiting and the running requests; everything else about them is the scheduler's.

    Invariant: a running request has an open lease, a waiting one has none; both lists are in arrival order.
    """

    def __init__(
        self,
        cache: PrefixCache,
        *,
        budget: int,
        max_running: int,
        order: Order,
        proposer: Proposer,
        max_drafts: int,
    ) -> None:
        self.waiting: list[Request] = []
        self.running: list[Request] = []
        self.retractions_total = 0
        self._cache = cache
        self._budget = budget
        self._max_running = max_running
        self._order = order
        self._proposer = proposer
        self._max_drafts = max_drafts
        self._ratio = ReserveRatio()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.waiting and not self.running

    def add(self, request: Request) -> None:
        """Queues a new request."""
        bisect.insort(self.waiting, request, key=_age)

    def remove(self, request: Request) -> None:
        """Takes a request out, wherever it is, and gives back all it holds. Idempotent."""
        if request.state is State.FINISHED:
            return
        (self.running if request.state is State.RUNNING else self.waiting).remove(request)
        request.state = State.FINISHED
        self._release(request)

    def plan(self, now: float) -> Batch | None:
        """Chooses the next step's entries; admits and retracts as it must.

        Args:
            now: Monotonic seconds.

        Returns:
            None when nothing can be computed: the queue is empty, too.
        """
        step = _Step(self._budget)
        for request in [request for request in self.running if request.decoding]:
            self._schedule(request, step)
        for request in [request for request in self.running if not request.decoding]:
            self._schedule(request, step)
        if step.budget and self.waiting:
            self._admit(step, now)
        if step.budget and self._max_drafts:
            self._draft(step)
        self._ratio.step()
        entries = tuple(step.entries.values())
        return Batch(entries) if entries else None

    def _schedule(self, request: Request, step: _Step) -> None:
        """Adds the next tokens of a running request, retracting younger ones if it must."""
        count = min(request.pending, step.budget)
        if request.state is not State.RUNNING or count == 0:
            return
        lease = request.lease
        assert lease is not None, "a running request has a lease"
        while not self._cache.extend(lease, request.computed + count, room=_room(request, count)):
            youngest = self.running[-1]
            self._retract(youngest, step)
            if youngest is request:
                return
        step.add(request, count)

    def _draft(self, step: _Step) -> None:
        """Spends budget nobody needs on guesses, as far as pages are free without evicting or retracting."""
        for request in [request for request in step.entries if request.decoding]:
            limit = min(self._max_drafts, step.budget, request.remaining - 1)
            if limit < 1 or request.sample_row.history is not None:
                continue
            drafts = tuple(self._proposer.propose(request, limit))
            lease = request.lease
            assert lease is not None, "a running request has a lease"
            spare = self._cache.free_tokens >= len(drafts) + self._cache.page_size
            if drafts and spare and self._cache.extend(lease, request.total + len(drafts), room=_room(request, 1)):
                step.add_drafts(request, drafts)

    def _retract(self, request: Request, step: _Step) -> None:
        """Sends a running request back to the queue; its tokens stay, its KV goes (the tree may keep it)."""
        self.running.remove(request)
        step.drop(request)
        self._release(request)
        request.state = State.WAITING
        request.computed = 0
        request.retractions += 1
        if not request.prompt_reported:
            request.prompt_logprobs.clear()
        self.retractions_total += 1
        self._ratio.retracted()
        self.add(request)

    def _admit(self, step: _Step, now: float) -> None:
        for request in self._order(self.waiting, now)[:LOOK_AHEAD]:
            if step.budget == 0 or len(self.running) >= self._max_running:
                return
            if self._prefix_is_coming(request):
                continue
            if not self._start(request, step, now):
                return

    def _prefix_is_coming(self, request: Request) -> bool:
        """Whether a running request is computing a prefix this one can share, so that it should wait."""
        most = min(len(request.token_ids) - 1, _match_limit(request) or request.total)
        if not self._cache.shares or most < SHARE_FROM:
            return False
        computing = [other for other in self.running if other.pending > 1 and other.namespace == request.namespace]
        if not computing:
            return False
        found = self._cache.peek(request.namespace, request.token_ids)
        return any(
            self._whole_pages(min(common_prefix(request.token_ids, other.token_ids), most)) - found >= SHARE_FROM
            for other in computing
        )

    def _whole_pages(self, tokens: int) -> int:
        return tokens // self._cache.page_size * self._cache.page_size

    def _start(self, request: Request, step: _Step, now: float) -> bool:
        """Admits a waiting request if memory allows it; otherwise leaves everything as it was."""
        lease = self._cache.open(request.namespace, request.token_ids, limit=_match_limit(request))
        if lease is None:
            return False
        needed = request.total - lease.committed
        reserve = self._ratio.reserve([*self.running, request]) if self.running else 0
        count = min(needed, step.budget)
        fits = needed + reserve <= self._cache.available_tokens
        if not fits or not self._cache.extend(lease, lease.committed + count, room=_room(request, count)):
            self._cache.release(lease)
            return False
        self.waiting.remove(request)
        request.lease = lease
        request.computed = lease.committed
        request.state = State.RUNNING
        if request.admitted_at is None:
            request.admitted_at = now
            request.cached_tokens = lease.cached_tokens
        bisect.insort(self.running, request, key=_age)
        step.add(request, count)
        return True

    def _release(self, request: Request) -> None:
        if request.lease is not None:
            self._cache.release(request.lease)
            request.lease = None

    def requests(self) -> Iterable[Request]:
        """All live requests."""
        return [*self.running, *self.waiting]


class _Step:
    """The entries of one step while it is planned, and what is left of its budget."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.entries: dict[Request, Entry] = {}

    def add(self, request: Request, count: int) -> None:
        assert request.lease is not None, "only a running request is scheduled"
        stop = request.computed + count
        self.entries[request] = Entry(
            request=request,
            lease=request.lease,
            start=request.computed,
            count=count,
            draws=stop == request.total and request.remaining > 0,
            logprobs_from=None if request.prompt_reported else _match_limit(request),
        )
        self.budget -= count

    def add_drafts(self, request: Request, drafts: tuple[int, ...]) -> None:
        entry = self.entries[request]
        self.entries[request] = replace(entry, count=entry.count + len(drafts), drafts=drafts)
        self.budget -= len(drafts)

    def drop(self, request: Request) -> None:
        entry = self.entries.pop(request, None)
        if entry is not None:
            self.budget += entry.count


def _age(request: Request) -> tuple[float, int]:
    return request.arrival, request.rid


def _room(request: Request, count: int) -> int:
    """Further tokens the request will probably need after the next ``count``."""
    return request.pending - count + min(request.remaining, ReserveRatio.CLIP)


def _match_limit(request: Request) -> int | None:
    """Cached tokens a request may use: prompt logprobs need the logits before their first position."""
    start = request.logprobs.prompt_start
    if start < 0 or request.prompt_reported:
        return None
    return max(start - 1, 0)

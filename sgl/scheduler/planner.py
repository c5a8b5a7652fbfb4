"""Which tokens of which requests the next step computes.

One ragged batch under one token budget, filled in this order: one token of every decoding request, the
next chunk of every request whose prompt is partly computed, then new requests from the queue. Requests are
served oldest first everywhere; when pages run out the youngest is retracted, so the oldest always goes on.

A step may be planned while the one before it is in flight. It goes on from what is launched, and where that step
draws the token to compute, the entry is `Entry.future`. Three rules keep this simple. A request whose last token
is being drawn, or whose next draw needs a token the host must know first, sits this step out. Nothing is retracted
while a step is in flight, since the pages would stay behind the fence: there is no plan then, the step lands, and
the next plan may retract. And no guesses are made.
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

    Args:
        cache: Pages and prefixes.
        budget: Most tokens of a step.
        max_running: Most running requests.
        order: Order of the waiting queue.
        proposer: Guesses tokens.
        max_drafts: Most guesses per request and step; with any, no step may be planned while one is in flight.
        keeps_history: Whether penalised requests can be planned before their last token is known.
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
        keeps_history: bool,
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
        self._keeps_history = keeps_history
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

    def plan(self, now: float, *, in_flight: bool = False) -> Batch | None:
        """Chooses the next step's entries; admits and retracts as it must.

        Args:
            now: Monotonic seconds.
            in_flight: Whether the results of the step before this one are not applied yet.

        Returns:
            None when nothing can be computed. Unless a step is in flight, the queue is empty then, or its head
            cannot start at all.
        """
        step = _Step(self._budget)
        ready = [request for request in self.running if self._ready(request)]
        for request in sorted(ready, key=lambda request: not request.decoding):
            if not self._schedule(request, step, may_retract=not in_flight):
                return None
        if step.budget and self.waiting:
            self._admit(step, now)
        if step.budget and self._max_drafts:
            self._draft(step)
        self._ratio.step()
        entries = tuple(step.entries.values())
        return Batch(entries) if entries else None

    def _ready(self, request: Request) -> bool:
        """Whether its next tokens can be computed although the host does not know those being drawn."""
        if not request.drawing:
            return True
        return not request.ending and (self._keeps_history or request.sample_row.history is None)

    def _schedule(self, request: Request, step: _Step, *, may_retract: bool) -> bool:
        """Adds the next tokens of a running request, retracting younger ones if it must.

        Returns:
            False when it would have to retract and may not.
        """
        count = min(request.pending, step.budget)
        if request.state is not State.RUNNING or count == 0:
            return True
        lease = request.lease
        assert lease is not None, "a running request has a lease"
        while not self._cache.extend(lease, request.launched + count, room=_room(request, count)):
            if not may_retract:
                return False
            youngest = self.running[-1]
            self._retract(youngest, step)
            if youngest is request:
                return True
        step.add(request, count)
        return True

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
        request.rewind(0)
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
        computing = [other for other in self.running if other.prefilling and other.namespace == request.namespace]
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
        request.rewind(lease.committed)
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
        stop = request.launched + count
        self.entries[request] = Entry(
            request=request,
            lease=request.lease,
            start=request.launched,
            count=count,
            draws=stop == request.total + request.drawing and request.remaining > 0,
            logprobs_from=None if request.prompt_reported else _match_limit(request),
            ahead=request.drawing,
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

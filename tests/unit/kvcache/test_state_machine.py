"""Any order of events keeps the cache sound: requests, chunks, steps in flight, failures, eviction.

Hypothesis drives a `PrefixCache` beside a model made of dictionaries. A fake pool remembers what each slot
holds: the tokens up to and including its own, which is all that attention could know of it. A step writes
its slots when it is launched *and* when it retires, and checks what it reads when it retires: the worst a
device could do with pages that were given away too early.

``SGL_TEST_EXAMPLES`` sets the number of examples (nightly: 100000).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sgl.kvcache.cache import PrefixCache
from sgl.kvcache.lease import Lease

from .tree_model import Prefix, TreeModel, pages_in

EXAMPLES = int(os.environ.get("SGL_TEST_EXAMPLES", "300"))
MAX_ROWS = 5
MAX_ROW_TOKENS = 64
MAX_IN_FLIGHT = 2

POISON: Prefix = ("NaN", ())

tokens = st.integers(0, 2)
prompts = st.one_of(
    st.lists(tokens, max_size=40),
    st.builds(
        lambda pattern, length, tail: ((pattern * 40)[:length] + tail)[:40],
        st.lists(tokens, min_size=1, max_size=2),
        st.integers(0, 40),
        st.lists(tokens, max_size=4),
    ),
)
namespaces = st.sampled_from(["", "", "", "tenant"])
choices = st.integers(0, 1000)
chunks = st.one_of(st.integers(1, 6), st.integers(1, 40))
rooms = st.one_of(st.just(0), st.integers(1, 8), st.integers(1, 40))


@dataclass
class Running:
    """A request with a lease. ``ids`` are prompt and output; ``launched`` of them are or will be computed."""

    namespace: str
    ids: list[int]
    lease: Lease
    launched: int
    locked: int
    poisoned: bool = False

    def prefix(self, length: int) -> Prefix:
        return self.namespace, tuple(self.ids[:length])


@dataclass
class Computation:
    """One request's part of a step: the slots of its tokens [0, stop) as they were at launch."""

    request: Running
    start: int
    stop: int
    slots: list[int]


@dataclass
class Step:
    number: int
    parts: list[Computation] = field(default_factory=list)


class CacheMachine(RuleBasedStateMachine):
    """The cache, and beside it a model of its tree and a fake pool."""

    @initialize(page_size=st.sampled_from([1, 2, 4, 16]), tokens_in_pool=st.integers(64, 130), radix=st.integers(0, 5))
    def start(self, page_size: int, tokens_in_pool: int, radix: int) -> None:
        self.page_size = page_size
        self.num_pages = tokens_in_pool // page_size
        self.radix = radix > 0
        self.cache = PrefixCache(self.num_pages, page_size, MAX_ROWS, MAX_ROW_TOKENS, radix=self.radix)
        self.pool: dict[int, Prefix] = {}
        self.model = TreeModel(page_size)
        self.running: list[Running] = []
        self.retracted: list[tuple[str, list[int]]] = []
        self.in_flight: list[Step] = []
        self.last_submitted: tuple[str, list[int]] = ("", [])

    # -- the model -------------------------------------------------------------------------------------------

    def touch(self, request: Running) -> None:
        self.model.touch(request.prefix(request.locked))

    def locked_pages(self) -> set[Prefix]:
        return {page for request in self.running for page in self.model.pages_of(request.prefix(request.locked))}

    def forget_evicted(self) -> int:
        """Brings the model up to date after an eviction; returns how many pages went."""
        evicted = self.model.pages() - pages_in(self.cache.tree).keys()
        self.model.evict(evicted, self.locked_pages())
        return len(evicted)

    # -- requests --------------------------------------------------------------------------------------------

    def open(self, namespace: str, ids: list[int], limit: int | None) -> None:
        peeked = self.cache.peek(namespace, ids)
        most = max(0, len(ids) - 1)
        assert peeked == self.model.match((namespace, tuple(ids[:most])))
        lease = self.cache.open(namespace, ids, limit=limit)
        if lease is None:
            assert len(self.running) == MAX_ROWS
            self.retracted.append((namespace, ids))
            return
        if limit is not None:
            most = min(most, limit)
        assert lease.cached_tokens == self.model.match((namespace, tuple(ids[:most])))
        cached = lease.cached_tokens
        request = Running(namespace, ids or [0], lease, launched=cached, locked=cached)
        self.touch(request)
        self.running.append(request)

    @rule(namespace=namespaces, ids=prompts, limit=st.one_of(st.none(), st.none(), st.integers(0, 20)))
    def submit(self, namespace: str, ids: list[int], limit: int | None) -> None:
        self.last_submitted = (namespace, list(ids))
        self.open(namespace, list(ids), limit)

    @rule()
    def submit_the_same_again(self) -> None:
        namespace, ids = self.last_submitted
        self.open(namespace, list(ids), None)

    @rule(namespace=namespaces, ids=prompts)
    def submit_twins(self, namespace: str, ids: list[int]) -> None:
        for _ in range(2):
            self.submit(namespace, ids, None)

    @precondition(lambda self: self.retracted)
    @rule(choice=choices)
    def resume(self, choice: int) -> None:
        namespace, ids = self.retracted.pop(choice % len(self.retracted))
        self.open(namespace, ids, None)

    def let_go(self, request: Running) -> None:
        self.touch(request)
        self.running.remove(request)
        self.cache.release(request.lease)
        free = self.cache.free_tokens
        self.cache.release(request.lease)
        assert self.cache.free_tokens == free
        assert not request.lease.is_open

    @precondition(lambda self: self.running)
    @rule(choice=choices)
    def finish_or_abort(self, choice: int) -> None:
        self.let_go(self.running[choice % len(self.running)])

    @precondition(lambda self: self.running)
    @rule(choice=choices)
    def retract(self, choice: int) -> None:
        request = self.running[choice % len(self.running)]
        self.let_go(request)
        self.retracted.append((request.namespace, request.ids))

    # -- steps -----------------------------------------------------------------------------------------------

    def extend(self, request: Running, length: int, room: int) -> bool:
        missing = -(-length // self.page_size) - self.cache.rows.count(request.lease.row)
        out_of_reach = missing * self.page_size > self.cache.available_tokens
        row_before = self.cache.rows.table[request.lease.row].tolist()
        granted = self.cache.extend(request.lease, length, room=room)
        self.forget_evicted()
        if missing <= 0:
            assert granted
        elif not granted:
            assert self.cache.rows.table[request.lease.row].tolist() == row_before
            assert missing > self.cache.pages.free_count
            assert out_of_reach or self.in_flight
        else:
            assert not out_of_reach
        return granted

    @precondition(lambda self: self.running)
    @rule(choice=choices, more=st.integers(1, 20), room=rooms)
    def get_pages_for_a_step_that_never_runs(self, choice: int, more: int, room: int) -> None:
        request = self.running[choice % len(self.running)]
        self.extend(request, min(request.launched + more, MAX_ROW_TOKENS), room)

    @precondition(lambda self: self.running and len(self.in_flight) < MAX_IN_FLIGHT)
    @rule(chunk=chunks, room=rooms, failing=st.integers(0, 30))
    def launch(self, chunk: int, room: int, failing: int) -> None:
        granted = []
        for request in self.running:
            stop = min(request.launched + chunk, len(request.ids), MAX_ROW_TOKENS)
            if stop > request.launched and self.extend(request, stop, room):
                granted.append((request, stop))
        step = Step(self.cache.begin_step())
        for index, (request, stop) in enumerate(granted):
            request.poisoned |= index == failing
            slots = self.cache.slots(request.lease, 0, stop).tolist()
            part = Computation(request, request.launched, stop, slots)
            step.parts.append(part)
            self.write(part)
            request.launched = stop
            if stop == len(request.ids):
                request.ids.append((sum(request.ids) * 7 + len(request.ids)) % 3)  # the sampled token
        self.in_flight.append(step)

    @rule(count=st.integers(1, 8), chunk=chunks, room=rooms, overlapped=st.booleans())
    def run_steps(self, count: int, chunk: int, room: int, overlapped: bool) -> None:
        for _ in range(count):
            while len(self.in_flight) > overlapped:
                self.retire(commit_first=False)
            self.launch(chunk, room, failing=MAX_ROWS)

    def write(self, part: Computation) -> None:
        for position in range(part.start, part.stop):
            content = POISON if part.request.poisoned else part.request.prefix(position + 1)
            self.pool[part.slots[position]] = content

    @precondition(lambda self: self.in_flight)
    @rule(commit_first=st.booleans())
    def retire(self, commit_first: bool) -> None:
        step = self.in_flight.pop(0)
        for part in step.parts:
            self.write(part)
        for part in step.parts:
            if not part.request.poisoned:
                for position, slot in enumerate(part.slots):
                    assert self.pool[slot] == part.request.prefix(position + 1)
        if not commit_first:
            self.cache.retire(step.number)
        for part in step.parts:
            if part.request.lease.is_open:
                self.commit(part)
        if commit_first:
            self.cache.retire(step.number)

    def commit(self, part: Computation) -> None:
        request = part.request
        if request.poisoned:
            self.let_go(request)
            return
        self.cache.commit(request.lease, request.ids, part.stop)
        assert request.lease.committed == part.stop
        if not self.radix:
            return
        self.model.insert(request.prefix(part.stop))
        request.locked = part.stop // self.page_size * self.page_size

    # -- memory ----------------------------------------------------------------------------------------------

    @rule(amount=st.integers(1, 80))
    def evict(self, amount: int) -> None:
        evictable = len(self.model.pages() - self.locked_pages())
        evicted = self.cache.evict(amount)
        assert evicted == self.forget_evicted() * self.page_size
        assert evicted == min(-(-amount // self.page_size), evictable) * self.page_size

    @rule()
    def flush(self) -> None:
        flushed = self.cache.flush()
        assert flushed == (not self.running)
        if flushed:
            self.model.accessed.clear()
            assert self.cache.cached_tokens_in_tree == 0
            assert self.cache.pages.free_count == self.num_pages - self.cache.pages.fenced_count

    # -- after every rule ------------------------------------------------------------------------------------

    @invariant()
    def the_cache_finds_itself_sound(self) -> None:
        assert self.cache.check() == []
        assert self.cache.check(thorough=True) == []

    @invariant()
    def the_tree_holds_what_was_committed_and_not_evicted(self) -> None:
        cached = pages_in(self.cache.tree)
        assert cached.keys() == self.model.pages()
        assert self.cache.cached_tokens_in_tree == len(cached) * self.page_size
        assert self.cache.evictable_tokens == len(self.model.pages() - self.locked_pages()) * self.page_size
        for (namespace, ids), page in cached.items():
            for offset in range(self.page_size):
                length = len(ids) - self.page_size + offset + 1
                assert self.pool[page * self.page_size + offset] == (namespace, ids[:length])

    @invariant()
    def every_request_can_read_what_it_computed(self) -> None:
        for request in self.running:
            slots = self.cache.slots(request.lease, 0, request.lease.committed).tolist()
            assert [self.pool[slot] for slot in slots] == [request.prefix(i + 1) for i in range(len(slots))]

    @invariant()
    def every_page_is_in_one_place(self) -> None:
        cached = pages_in(self.cache.tree)
        own = [
            page
            for request in self.running
            for page in self.cache.rows.table[request.lease.row].tolist()
            if page != -1 and page not in cached.values()
        ]
        places = [*self.cache.pages.free_pages(), *self.cache.pages.fenced_pages(), *cached.values(), *own]
        assert sorted(int(page) for page in places) == list(range(1, self.num_pages + 1))

    @invariant()
    def no_page_of_a_step_in_flight_can_be_handed_out(self) -> None:
        busy = {slot // self.page_size for step in self.in_flight for part in step.parts for slot in part.slots}
        assert busy.isdisjoint(self.cache.pages.free_pages().tolist())

    @invariant()
    def a_request_shows_the_pages_of_the_tree(self) -> None:
        cached = pages_in(self.cache.tree)
        for request in self.running:
            shown = self.cache.rows.table[request.lease.row].tolist()
            path = self.model.pages_of(request.prefix(request.locked))
            assert shown[: len(path)] == [cached[page] for page in path]
            assert request.lease.shared == len(path)

    @invariant()
    def at_rest_nothing_is_held(self) -> None:
        if not self.in_flight:
            assert self.cache.pages.fenced_count == 0
        if not self.running:
            assert self.cache.tree.protected == self.cache.pages.reserved_count == 0
            assert (self.cache.rows.table == -1).all()

    def teardown(self) -> None:
        if not hasattr(self, "cache"):
            return
        while self.in_flight:
            self.retire(commit_first=False)
        for request in list(self.running):
            self.let_go(request)
        assert self.cache.available_tokens == self.num_pages * self.page_size
        assert self.cache.flush()
        assert self.cache.pages.free_count == self.num_pages
        assert list(self.cache.tree.nodes()) == []


@pytest.mark.slow
def test_any_order_of_events_keeps_the_cache_sound() -> None:
    run_state_machine_as_test(
        CacheMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )

"""A runner without a model: tokens are a hash of everything before them, and KV is checked slot by slot.

Each slot of the pretended pool holds a rolling hash of the ids up to its position. Before a step computes
anything, every earlier position's slot must hold what the ids say; a page handed to two owners, a stale
row or a wrong prefix match therefore fails at once and not as a slightly different text.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sgl.batch.batch import Batch, Drawn, Entry, EntryResult, StepResult
from sgl.engine.runner import Done
from sgl.kvcache.cache import PrefixCache
from sgl.kvcache.lease import Lease
from sgl.kvcache.pages import PageArray
from sgl.protocol.messages import EngineInfo
from sgl.scheduler.io import ListIO
from sgl.scheduler.loop import Scheduler
from sgl.scheduler.policy import Order, fcfs
from sgl.spec.proposer import Proposer
from tests.harness import LocalEngine

VOCAB = 1000
EOS = 2


def roll(state: int, token: int) -> int:
    """The hash of one more token."""
    return (state * 1_000_003 + token + 1) % (2**61 - 1)


def next_token(ids: Sequence[int]) -> int:
    """The reference: the token that follows ``ids``; never the end token."""
    state = 0
    for token in ids:
        state = roll(state, int(token))
    return 3 + state % (VOCAB - 3)


def ending_token(ids: Sequence[int]) -> int:
    """The same, but every ninth or so is the end token."""
    token = next_token(ids)
    return EOS if token % 9 == 0 else token


def reference(prompt: Sequence[int], count: int, follow: Callable[[Sequence[int]], int] = next_token) -> list[int]:
    """The answer to a prompt, with the end token where it comes."""
    ids = list(prompt)
    while len(ids) < len(prompt) + count and ids[len(prompt) :][-1:] != [EOS]:
        ids.append(follow(ids))
    return ids[len(prompt) :]


@dataclass(frozen=True)
class Work:
    """An entry as it was at its launch; the host's lists may change, this does not.

    ``ids`` are the tokens up to the entry's end, but for the one that only the device knows, if it is `Entry.future`.
    """

    entry: Entry
    ids: list[int]
    slots: list[int]
    row: int
    finite: bool


class FakeRunner:
    """Implements `sgl.engine.runner.Runner`.

    Args:
        breaks: Raises for a batch that has an entry for which this is true.
        poisons: Reports non-finite logits for such an entry.
        follow: The token that follows others.
        overlaps: Whether a step is in flight until it is waited for; see `Flight`.
        keeps_history: Whether penalised requests may be `Entry.future`.

    Attributes:
        computed: Tokens of each step that did not raise.
        wasted: How many results of each request nobody wanted any more.
    """

    def __init__(
        self,
        cache: PrefixCache,
        *,
        breaks: Callable[[Entry], bool] = lambda entry: False,
        poisons: Callable[[Entry], bool] = lambda entry: False,
        follow: Callable[[Sequence[int]], int] = next_token,
        overlaps: bool = False,
        keeps_history: bool = False,
    ) -> None:
        self.overlaps = overlaps
        self.keeps_history = keeps_history
        self.computed: list[int] = []
        self.wasted: Counter[int] = Counter()
        self._cache = cache
        self._breaks = breaks
        self._poisons = poisons
        self._follow = follow
        self._content = np.zeros(cache.total_tokens + cache.page_size, dtype=np.uint64)
        self._drawn: dict[int, tuple[Lease, int, int]] = {}
        self._flights: deque[Flight] = deque()
        self._watch_pages()

    def launch(self, batch: Batch) -> Done | Flight:
        work = [self._take(entry) for entry in batch.entries]
        if not self.overlaps:
            assert not any(entry.future for entry in batch.entries)
            if any(self._breaks(entry) for entry in batch.entries):
                raise RuntimeError("a step failed on purpose")
            self.computed.append(batch.tokens)
            return Done(StepResult(tuple(map(self.compute, work))))
        assert len(self._flights) < 2, "one step in flight beyond the one whose results are next"
        self._flights.append(Flight(self, work, broken=any(self._breaks(entry) for entry in batch.entries)))
        return self._flights[-1]

    def _take(self, entry: Entry) -> Work:
        request, lease = entry.request, entry.lease
        assert entry.live
        assert entry.future == (entry.start == request.total)
        history = request.sample_row.history
        assert not entry.future or history is None or self.keeps_history, "a penalty needs the token first"
        if entry.draws:
            known = entry.stop - len(entry.drafts)
            assert request.sample_row.position + entry.ahead == known, "the sampler would draw for another position"
            assert request.sample_row.generated + entry.ahead < request.max_new_tokens
        ids = [*request.token_ids[: entry.stop].tolist(), *entry.drafts]
        slots = self._cache.slots(lease, 0, entry.stop).tolist()
        return Work(entry, ids, slots, lease.row, finite=not self._poisons(entry))

    def resolve(self, work: Work) -> Work:
        """Fills in the token that the step before drew on the device."""
        if not work.entry.future:
            return work
        lease, position, token = self._drawn[work.row]
        assert (lease, position) == (work.entry.lease, work.entry.start), "the token of somebody else"
        return replace(work, ids=[*work.ids, token])

    def compute(self, work: Work) -> EntryResult:
        """Reads and writes the pretended pool."""
        entry, ids = work.entry, work.ids
        assert len(ids) == entry.stop
        state = 0
        for position, token in enumerate(ids):
            state = roll(state, token)
            if position < entry.start:
                assert int(self._content[work.slots[position]]) == state, f"wrong KV at position {position}"
            else:
                self._content[work.slots[position]] = state
        known = len(ids) - len(entry.drafts)
        return EntryResult(
            tuple(Drawn(self._follow(ids[: known + index]), work.finite) for index in range(entry.draw_count))
        )

    def note(self, work: Work, result: EntryResult) -> None:
        """Keeps the drawn token on the device; where there were no logits to speak of, it is any."""
        if result.drawn:
            token = result.drawn[0].token if work.finite else 0
            self._drawn[work.row] = (work.entry.lease, work.entry.stop, token)

    def spoil(self, work: Work) -> None:
        """What a step that broke leaves behind."""
        self._content[work.slots[work.entry.start :]] = 1

    def behind_a_broken_one(self) -> bool:
        return any(flight.broken for flight in self._flights)

    def land(self, flight: Flight) -> None:
        """Takes the oldest step off the list."""
        assert self._flights.popleft() is flight, "steps are waited for in their order"
        if not flight.broken:
            self.computed.append(sum(work.entry.count for work in flight.work))
        self.wasted.update(work.entry.request.rid for work in flight.work if not work.entry.live)

    def _watch_pages(self) -> None:
        """No page that a step in flight uses may be handed out (I20)."""
        alloc, size = self._cache.pages.alloc, self._cache.page_size

        def watched(*args: Any, **options: Any) -> PageArray | None:
            pages = alloc(*args, **options)
            used = {slot // size for flight in self._flights for work in flight.work for slot in work.slots}
            assert pages is None or used.isdisjoint(pages.tolist()), "a page in use was handed out"
            return pages

        setattr(self._cache.pages, "alloc", watched)  # noqa: B010


class Flight:
    """A step in flight: it reads and writes the pool when it is launched *and* when it is waited for, which is the
    worst a device could do with pages that were given away too early. Only the second time tells the result.

    A step that breaks, and those launched behind it, spoil their slots and raise when they are waited for.
    """

    def __init__(self, runner: FakeRunner, work: list[Work], *, broken: bool) -> None:
        self._runner = runner
        self.broken = broken or runner.behind_a_broken_one()
        self.work = work
        if self.broken:
            for one in work:
                runner.spoil(one)
            return
        self.work = [runner.resolve(one) for one in work]
        for one in self.work:
            runner.note(one, runner.compute(one))

    def wait(self) -> StepResult:
        self._runner.land(self)
        if self.broken:
            raise RuntimeError("a step failed on purpose")
        return StepResult(tuple(self._runner.compute(one) for one in self.work))


def fake_engine(
    *,
    tokens: int = 512,
    page_size: int = 4,
    chunk: int = 64,
    running: int = 16,
    context: int = 256,
    queued: int = 1000,
    order: Order | None = None,
    radix: bool = True,
    breaks: Callable[[Entry], bool] = lambda entry: False,
    poisons: Callable[[Entry], bool] = lambda entry: False,
    follow: Callable[[Sequence[int]], int] = next_token,
    proposer: Proposer | None = None,
    max_drafts: int = 0,
    overlaps: bool = False,
    overlap: bool = True,
    keeps_history: bool = False,
) -> tuple[LocalEngine, FakeRunner]:
    """A scheduler over a fake runner and a small pool."""
    limit = min(context, tokens // page_size * page_size)
    cache = PrefixCache(tokens // page_size, page_size, running, limit, radix=radix)
    runner = FakeRunner(
        cache, breaks=breaks, poisons=poisons, follow=follow, overlaps=overlaps, keeps_history=keeps_history
    )
    info = EngineInfo(
        architecture="Fake",
        model_type="fake",
        vocab_size=VOCAB,
        max_model_len=context,
        max_request_tokens=limit,
        kv_tokens=cache.total_tokens,
        page_size=page_size,
        max_running_requests=running,
        chunked_prefill_size=chunk,
        eos_token_ids=(EOS,),
        dtype="none",
        device="none",
        weight_bytes=0,
        kv_bytes=0,
    )
    io = ListIO()
    scheduler = Scheduler(
        info,
        runner,
        cache,
        io,
        order=order or fcfs,
        max_queued=queued,
        proposer=proposer,
        max_drafts=max_drafts,
        overlap=overlap,
    )
    return LocalEngine(scheduler, io), runner

"""A runner without a model: tokens are a hash of everything before them, and KV is checked slot by slot.

Each slot of the pretended pool holds a rolling hash of the ids up to its position. Before a step computes
anything, every earlier position's slot must hold what the ids say; a page handed to two owners, a stale
row or a wrong prefix match therefore fails at once and not as a slightly different text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sgl.batch.batch import Batch, Drawn, Entry, EntryResult, StepResult
from sgl.engine.runner import Done
from sgl.kvcache.cache import PrefixCache
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


def reference(prompt: Sequence[int], count: int) -> list[int]:
    """The answer to a prompt."""
    ids = list(prompt)
    for _ in range(count):
        ids.append(next_token(ids))
    return ids[len(prompt) :]


class FakeRunner:
    """Implements `sgl.engine.runner.Runner`.

    Args:
        breaks: Raises for a batch that has an entry for which this is true.
        poisons: Reports non-finite logits for such an entry.
    """

    def __init__(
        self,
        cache: PrefixCache,
        *,
        breaks: Callable[[Entry], bool] = lambda entry: False,
        poisons: Callable[[Entry], bool] = lambda entry: False,
    ) -> None:
        self._cache = cache
        self._breaks = breaks
        self._poisons = poisons
        self._content = np.zeros(cache.total_tokens + cache.page_size, dtype=np.uint64)
        self.computed: list[int] = []

    def launch(self, batch: Batch) -> Done:
        if any(self._breaks(entry) for entry in batch.entries):
            raise RuntimeError("a step failed on purpose")
        self.computed.append(batch.tokens)
        return Done(StepResult(tuple(self._compute(entry) for entry in batch.entries)))

    def _compute(self, entry: Entry) -> EntryResult:
        ids = [*entry.request.token_ids[: entry.stop].tolist(), *entry.drafts]
        slots = self._cache.slots(entry.lease, 0, entry.stop)
        state = 0
        for position, token in enumerate(ids):
            state = roll(state, token)
            if position < entry.start:
                assert int(self._content[slots[position]]) == state, f"wrong KV at position {position}"
            else:
                self._content[slots[position]] = state
        finite = not self._poisons(entry)
        known = len(ids) - len(entry.drafts)
        return EntryResult(tuple(Drawn(next_token(ids[: known + index]), finite) for index in range(entry.draw_count)))


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
    proposer: Proposer | None = None,
    max_drafts: int = 0,
) -> tuple[LocalEngine, FakeRunner]:
    """A scheduler over a fake runner and a small pool."""
    limit = min(context, tokens // page_size * page_size)
    cache = PrefixCache(tokens // page_size, page_size, running, limit, radix=radix)
    runner = FakeRunner(cache, breaks=breaks, poisons=poisons)
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
    )
    return LocalEngine(scheduler, io), runner

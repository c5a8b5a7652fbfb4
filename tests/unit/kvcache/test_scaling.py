"""The work of a decode step does not grow with the length of the request. Work is counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from sgl.kvcache.cache import PrefixCache
from sgl.kvcache.lease import Lease

TOKENS = 100_000


def executed_lines(action: Callable[[], object]) -> int:
    """How many lines of Python ``action`` runs: a measure of work no busy machine can change."""
    lines = 0

    def trace(_frame: object, event: str, _argument: object) -> object:
        nonlocal lines
        lines += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        action()
    finally:
        sys.settrace(previous)
    return lines


def decode(cache: PrefixCache, lease: Lease, ids: list[int], length: int) -> None:
    assert cache.extend(lease, length, room=256)
    assert len(cache.runs(lease, 0, length)) == 1
    cache.commit(lease, ids, length)


@pytest.mark.parametrize("page_size", [1, 16])
def test_a_hundred_thousand_decode_steps_cost_the_same_each(page_size: int) -> None:
    cache = PrefixCache(TOKENS // page_size + 1, page_size, max_rows=1, max_row_tokens=TOKENS)
    ids = [token % 7 for token in range(TOKENS)]
    lease = cache.open("", ids[:1])
    assert lease is not None
    early, late = [], []
    for length in range(1, TOKENS + 1):
        if length in range(1000, 1100):
            early.append(executed_lines(lambda: decode(cache, lease, ids, length)))  # noqa: B023
        elif length in range(99_000, 99_100):
            late.append(executed_lines(lambda: decode(cache, lease, ids, length)))  # noqa: B023
        else:
            decode(cache, lease, ids, length)
    assert max(late) <= max(early)
    assert sum(late) <= sum(early) * 1.05

    edges = [node for node in cache.tree.nodes() if node.size]
    assert len(edges) == 1  # one node that grew, not a chain that every lookup would walk
    assert len(edges[0]._pages) <= 2 * edges[0].size
    assert executed_lines(lambda: cache.release(lease)) < 200
    assert cache.check(thorough=False) == []


def test_the_lookup_of_a_prompt_decoded_token_by_token_takes_one_step() -> None:
    cache = PrefixCache(1000, 1, max_rows=2, max_row_tokens=1000)
    ids = list(range(501))
    lease = cache.open("", ids[:1])
    assert lease is not None
    for length in range(1, 501):
        decode(cache, lease, ids, length)
    assert cache.peek("", ids) == 500
    assert executed_lines(lambda: cache.peek("", ids)) < 60


def test_eviction_does_not_scan_the_tree() -> None:
    def evict_from(prompts: int) -> int:
        cache = PrefixCache(4 * prompts, 1, max_rows=1, max_row_tokens=4)
        for prompt in range(prompts):
            ids = [prompt] * 4
            lease = cache.open("", ids)
            assert lease is not None
            assert cache.extend(lease, 4)
            cache.commit(lease, ids, 4)
            cache.release(lease)
        return executed_lines(lambda: cache.evict(40))

    evict_from(50)  # numpy imports parts of itself at first use
    assert evict_from(1000) == evict_from(50)

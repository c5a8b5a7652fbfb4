"""What a start computes before the first request."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from sgl.batch.batch import Batch, Drawn, EntryResult, StepResult
from sgl.engine.build import Engine
from sgl.engine.runner import Done
from sgl.engine.warmup import sizes, warm_up
from sgl.kvcache.cache import PrefixCache
from tests.fakes import fake_info


class Recorder:
    """A runner that notes how many tokens each request of a batch computes, and where."""

    overlaps = keeps_history = True

    def __init__(self, cache: PrefixCache) -> None:
        self.batches: list[list[int]] = []
        self._cache = cache

    def launch(self, batch: Batch) -> Done:
        """One token for each entry."""
        for entry in batch.entries:
            assert len(self._cache.slots(entry.lease, entry.start, entry.stop)) == entry.count
        self.batches.append([entry.count for entry in batch.entries])
        return Done(StepResult(tuple(EntryResult((Drawn(5, True, None),), []) for _ in batch.entries)))


def computed(*, tokens: int = 256, **info: Any) -> list[list[int]]:
    """The batches of a warm-up, whose cache is as it was."""
    cache = PrefixCache(tokens // 4, 4, 16, 64)
    runner = Recorder(cache)
    told = fake_info(page_size=4, max_request_tokens=64, chunked_prefill_size=150, max_running_requests=9, **info)
    config: Any = None
    warm_up(Engine(runner, cache, told, config))
    assert cache.check(thorough=True) == []
    assert cache.open("", [5] * 64).cached_tokens == 0  # type: ignore[union-attr, arg-type]
    return runner.batches


def test_a_cpu_computes_one_short_prompt_and_a_token() -> None:
    assert computed() == [[8], [1]]


def test_a_gpu_computes_prompts_and_batches_of_all_sizes() -> None:
    prompts = [[1], [2], [3], [6], [12], [24], [48], [62, 34], [62, 62, 26]]
    assert computed(device="cuda") == [*prompts, [1], [1] * 2, [1] * 3, [1] * 6, [1] * 9]


def test_what_a_pool_has_no_room_for_is_left_out() -> None:
    batches = computed(device="cuda", tokens=64)
    assert [62, 34] not in batches
    assert [48] in batches
    assert [1] * 9 in batches


@pytest.mark.parametrize("largest", [*range(1, 40), 128, 1000, 8192])
def test_there_is_a_size_between_all_powers_of_two(largest: int) -> None:
    found = sizes(largest)
    assert list(found) == sorted(set(found))
    assert found[-1] == largest
    assert found[0] == 1
    limits = [1 << power for power in range(14) if 1 << power < largest]
    for low, high in pairwise(limits):
        assert any(low < size <= high for size in found)
        assert any(low <= size < high for size in found)

"""`PrefixCache`: what a lease may hold, what is shared, and what is left when it ends."""

from __future__ import annotations

import numpy as np
import pytest

from sgl.kvcache.cache import PrefixCache
from sgl.kvcache.lease import Lease

PROMPT = list(range(100, 110))


def new_cache(num_pages: int = 64, page_size: int = 4, max_rows: int = 8, max_row_tokens: int = 128) -> PrefixCache:
    return PrefixCache(num_pages, page_size, max_rows, max_row_tokens)


def opened(cache: PrefixCache, ids: list[int], namespace: str = "", limit: int | None = None) -> Lease:
    lease = cache.open(namespace, ids, limit=limit)
    assert lease is not None
    return lease


def computed(cache: PrefixCache, ids: list[int], namespace: str = "") -> Lease:
    """A lease for which all of ``ids`` went through the model."""
    lease = opened(cache, ids, namespace)
    assert cache.extend(lease, len(ids))
    cache.commit(lease, ids, len(ids))
    return lease


def row_of(cache: PrefixCache, lease: Lease) -> list[int]:
    return list(cache.rows.pages(lease.row, 0, cache.rows.count(lease.row)))


def assert_sound(cache: PrefixCache) -> None:
    assert cache.check() == []
    assert cache.check(thorough=True) == []


class TestSharing:
    @pytest.mark.parametrize("page_size", [1, 4, 16])
    def test_a_second_request_finds_whole_pages_of_the_first(self, page_size: int) -> None:
        cache = new_cache(page_size=page_size)
        ids = list(range(40))
        cache.release(computed(cache, ids))
        lease = opened(cache, [*ids, 7])
        assert lease.cached_tokens == 40 // page_size * page_size
        assert lease.committed == lease.cached_tokens
        assert_sound(cache)

    def test_the_last_token_is_always_computed(self) -> None:
        cache = new_cache(page_size=1)
        cache.release(computed(cache, PROMPT))
        assert cache.peek("", PROMPT) == 9
        assert opened(cache, PROMPT).cached_tokens == 9
        assert opened(cache, PROMPT[:1]).cached_tokens == 0
        assert opened(cache, []).cached_tokens == 0

    def test_a_limit_keeps_tokens_out_of_the_match(self) -> None:
        cache = new_cache(page_size=4)
        cache.release(computed(cache, PROMPT))
        assert opened(cache, PROMPT, limit=7).cached_tokens == 4
        assert opened(cache, PROMPT, limit=0).cached_tokens == 0

    def test_the_prompt_of_a_request_still_running_is_shared(self) -> None:
        cache = new_cache()
        first = opened(cache, PROMPT)
        assert cache.extend(first, 10)
        assert cache.peek("", PROMPT) == 0
        cache.commit(first, PROMPT, 5)  # a chunk
        assert cache.peek("", PROMPT) == 4
        cache.commit(first, PROMPT, 10)
        second = opened(cache, PROMPT)
        assert row_of(cache, second) == row_of(cache, first)[:2]
        assert_sound(cache)

    def test_the_answer_is_shared_with_the_next_turn(self) -> None:
        cache = new_cache(page_size=1)
        lease = computed(cache, PROMPT)
        turn = [*PROMPT, 1, 2, 3]
        for length in range(11, 14):
            assert cache.extend(lease, length)
            cache.commit(lease, turn, length)
        cache.release(lease)
        follow_up = opened(cache, [*turn, 50, 51])
        assert follow_up.cached_tokens == 13
        assert cache.extend(follow_up, 15)
        assert len(cache.runs(follow_up, 0, 15)) == 1

    def test_namespaces_do_not_share(self) -> None:
        cache = new_cache()
        cache.release(computed(cache, PROMPT, "tenant a"))
        assert cache.peek("tenant b", PROMPT) == 0
        assert opened(cache, PROMPT, "tenant b").cached_tokens == 0
        assert opened(cache, PROMPT, "tenant a").cached_tokens == 8

    def test_without_radix_nothing_is_found_and_nothing_stays(self) -> None:
        cache = PrefixCache(16, 4, 4, 64, radix=False)
        lease = computed(cache, PROMPT)
        assert opened(cache, PROMPT).cached_tokens == cache.peek("", PROMPT) == 0
        cache.release(lease)
        assert (cache.free_tokens, cache.cached_tokens_in_tree) == (64, 0)
        assert_sound(cache)

    def test_lists_and_arrays_are_the_same_tokens(self) -> None:
        cache = new_cache()
        cache.release(computed(cache, PROMPT))
        assert cache.peek("", PROMPT) == cache.peek("", np.array(PROMPT, dtype=np.int32)) == 8


class TestDoubles:
    def test_of_two_that_computed_the_same_the_second_takes_the_firsts_pages(self) -> None:
        cache = new_cache()
        first, second = opened(cache, PROMPT), opened(cache, PROMPT)
        for lease in (first, second):
            assert cache.extend(lease, 10)
        for lease in (first, second):
            cache.commit(lease, PROMPT, 10)
        assert row_of(cache, second)[:2] == row_of(cache, first)[:2]
        assert row_of(cache, second)[2] != row_of(cache, first)[2]  # the partial page stays its own
        assert cache.used_tokens == 0 + 4 * (2 + 1 + 1)
        assert_sound(cache)

    def test_growth_goes_on_after_the_last_page_was_exchanged(self) -> None:
        cache = new_cache(page_size=1)
        first, second = opened(cache, PROMPT), opened(cache, PROMPT)
        for lease in (first, second):
            assert cache.extend(lease, 10, room=8)
        for lease in (first, second):
            cache.commit(lease, PROMPT, 10)
        assert row_of(cache, second) == row_of(cache, first)
        assert_sound(cache)
        assert cache.extend(second, 12, room=8)
        assert cache.extend(first, 18, room=8)
        assert len(cache.runs(first, 0, 18)) == 1  # the second did not take the first's room
        assert_sound(cache)

    def test_a_double_still_in_use_by_a_step_is_fenced(self) -> None:
        cache = new_cache()
        first, second = opened(cache, PROMPT), opened(cache, PROMPT)
        for lease in (first, second):
            assert cache.extend(lease, 10)
        doubles = row_of(cache, second)[:2]
        step = cache.begin_step()
        for lease in (first, second):
            cache.commit(lease, PROMPT, 10)
        assert cache.pages.fenced_pages().tolist() == doubles
        cache.retire(step)
        assert cache.pages.fenced_count == 0
        assert_sound(cache)


class TestRelease:
    def test_gives_everything_back_and_is_idempotent(self) -> None:
        cache = new_cache(max_rows=1)
        lease = computed(cache, PROMPT)
        assert cache.open("", PROMPT) is None  # the only row is taken
        cache.release(lease)
        cache.release(lease)
        assert not lease.is_open
        assert (cache.available_tokens, cache.cached_tokens_in_tree) == (256, 8)
        assert cache.open("", PROMPT) is not None

    def test_what_was_not_committed_is_not_cached(self) -> None:
        cache = new_cache()
        lease = opened(cache, PROMPT)
        assert cache.extend(lease, 10)
        cache.release(lease)  # the step gave NaN
        assert (cache.peek("", PROMPT), cache.free_tokens) == (0, 256)
        assert_sound(cache)

    def test_what_was_committed_before_a_failure_stays_cached(self) -> None:
        cache = new_cache()
        lease = opened(cache, PROMPT)
        assert cache.extend(lease, 10)
        cache.commit(lease, PROMPT, 6)
        cache.release(lease)
        assert cache.peek("", PROMPT) == 4

    def test_dissolves_the_reservation(self) -> None:
        cache = new_cache(page_size=1)
        lease = opened(cache, PROMPT)
        assert cache.extend(lease, 10, room=20)
        assert cache.pages.reserved_count == 20
        cache.release(lease)
        assert cache.pages.reserved_count == 0

    def test_a_released_lease_is_of_no_further_use(self) -> None:
        cache = new_cache()
        lease = computed(cache, PROMPT)
        cache.release(lease)
        with pytest.raises(ValueError, match="released"):
            cache.extend(lease, 12)
        with pytest.raises(ValueError, match="released"):
            cache.commit(lease, PROMPT, 10)

    def test_pages_of_an_aborted_request_wait_for_the_step_in_flight(self) -> None:
        cache = new_cache(num_pages=3)
        lease = opened(cache, PROMPT)
        assert cache.extend(lease, 10)
        step = cache.begin_step()
        cache.release(lease)
        waiting = opened(cache, PROMPT)
        assert not cache.extend(waiting, 1)
        assert_sound(cache)
        cache.retire(step)
        assert cache.extend(waiting, 10)

    def test_cached_pages_a_step_in_flight_reads_are_fenced_when_evicted(self) -> None:
        cache = new_cache(num_pages=3)
        lease = computed(cache, PROMPT)
        step = cache.begin_step()
        cache.release(lease)
        other = opened(cache, [1, 2, 3])
        assert not cache.extend(other, 8)
        assert cache.pages.fenced_count == 3
        cache.retire(step)
        assert cache.extend(other, 12)
        assert_sound(cache)


class TestExtend:
    def test_evicts_what_nobody_uses(self) -> None:
        cache = new_cache(num_pages=4)
        cache.release(computed(cache, PROMPT))
        assert (cache.free_tokens, cache.evictable_tokens) == (8, 8)
        lease = opened(cache, [1, 2])
        assert cache.extend(lease, 16)
        assert (cache.free_tokens, cache.evictable_tokens, cache.evicted_tokens_total) == (0, 0, 8)
        assert_sound(cache)

    def test_fails_without_a_trace_when_there_is_not_enough(self) -> None:
        cache = new_cache(num_pages=4)
        cache.release(computed(cache, PROMPT))
        holder = computed(cache, [1, 2, 3, 4, 5])
        lease = opened(cache, PROMPT)
        assert lease.cached_tokens == 8
        before = (row_of(cache, lease), cache.free_tokens, cache.evictable_tokens)
        assert not cache.extend(lease, 10)
        assert (row_of(cache, lease), cache.free_tokens, cache.evictable_tokens) == before
        cache.release(holder)
        assert cache.extend(lease, 10)
        assert_sound(cache)

    def test_costs_nothing_when_the_pages_are_there(self) -> None:
        cache = new_cache(num_pages=1)
        lease = opened(cache, [1])
        assert cache.extend(lease, 1)
        assert cache.extend(lease, 4)
        assert cache.free_tokens == 0

    def test_is_bounded_by_the_row(self) -> None:
        cache = new_cache(max_row_tokens=10)
        lease = opened(cache, PROMPT)
        assert cache.extend(lease, 10)
        with pytest.raises(ValueError, match="at most 10 tokens, not 11"):
            cache.extend(lease, 11)

    def test_a_full_pool_of_cached_prompts_gives_growing_requests_long_runs(self) -> None:
        cache = PrefixCache(512, 1, 4, 512)
        for prompt in range(8):
            cache.release(computed(cache, [prompt] * 64))
        assert cache.free_tokens == 0
        ids = [[100 + number] * 100 for number in range(2)]
        leases = [opened(cache, tokens) for tokens in ids]
        for length in range(8, 101):
            for lease, tokens in zip(leases, ids, strict=True):
                assert cache.extend(lease, length, room=100 - length)
                cache.commit(lease, tokens, length)
        assert all(len(cache.runs(lease, 0, 100)) <= 3 for lease in leases)
        assert cache.evicted_tokens_total == 2 * 100
        assert_sound(cache)


class TestCommit:
    def test_needs_pages_and_does_not_go_back(self) -> None:
        cache = new_cache()
        lease = opened(cache, PROMPT)
        assert cache.extend(lease, 8)
        with pytest.raises(ValueError, match="cannot commit 9 tokens"):
            cache.commit(lease, PROMPT, 9)
        cache.commit(lease, PROMPT, 8)
        with pytest.raises(ValueError, match="cannot commit 7 tokens"):
            cache.commit(lease, PROMPT, 7)

    def test_slots_and_runs_follow_the_row(self) -> None:
        cache = new_cache(page_size=4)
        lease = opened(cache, PROMPT)
        assert cache.extend(lease, 10)
        assert cache.slots(lease, 3, 10).tolist() == [7, 8, 9, 10, 11, 12, 13]
        assert cache.runs(lease, 3, 7) == [(7, 7)]


class TestEvictAndFlush:
    def test_evict_says_how_much_it_gave(self) -> None:
        cache = new_cache()
        cache.release(computed(cache, list(range(20))))
        assert cache.evict(5) == 8  # whole pages
        assert cache.evict(100) == 12
        assert cache.evict(1) == 0
        assert cache.evicted_tokens_total == 20
        assert_sound(cache)

    def test_flush_waits_for_the_last_lease(self) -> None:
        cache = new_cache()
        lease = computed(cache, PROMPT)
        assert not cache.flush()
        assert cache.peek("", PROMPT) == 8
        cache.release(lease)
        assert cache.flush()
        assert (cache.peek("", PROMPT), cache.free_tokens) == (0, 256)
        assert_sound(cache)


class TestCheck:
    """The check finds what it is there for."""

    def test_a_lost_page(self) -> None:
        cache = new_cache()
        assert cache.pages.alloc(1) is not None
        assert any(problem.startswith("I1") for problem in cache.check())
        assert any("page 1 is in 0 places: none" in problem for problem in cache.check(thorough=True))

    def test_a_page_in_two_places(self) -> None:
        cache = new_cache()
        lease = computed(cache, PROMPT)
        cache.pages.free(cache.rows.pages(lease.row, 0, 1))
        assert any("is in 2 places: free, cached" in problem for problem in cache.check(thorough=True))

    def test_a_forgotten_lock(self) -> None:
        cache = new_cache()
        lease = computed(cache, PROMPT)
        assert lease.node is not None
        cache.tree.lock(lease.node)
        cache.release(lease)
        assert any(problem.startswith("I6") for problem in cache.check())

    def test_a_row_that_shows_other_pages_than_the_tree(self) -> None:
        cache = new_cache()
        lease = computed(cache, PROMPT)
        cache.rows.rewrite(lease.row, 0, cache.rows.pages(lease.row, 1, 2))
        assert any(problem.startswith("I4") for problem in cache.check(thorough=True))

    def test_an_entry_behind_a_row(self) -> None:
        cache = new_cache()
        lease = computed(cache, PROMPT)
        cache.rows.table[lease.row, 5] = 1
        assert any(problem.startswith("I19") for problem in cache.check(thorough=True))

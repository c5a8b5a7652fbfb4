"""The page allocator: what it hands out, what it refuses, and where it places requests."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgl.kvcache.pages import PADDING_PAGE, PageAllocator, PageArray


def take(allocator: PageAllocator, count: int, **placement: int | bool | None) -> list[int]:
    pages = allocator.alloc(count, **placement)  # type: ignore[arg-type]
    assert pages is not None
    assert allocator.check() == []
    return list(pages)


def page_array(*pages: int) -> PageArray:
    return np.array(pages, dtype=np.int32)


def number_of_runs(pages: list[int]) -> int:
    return 1 + sum(page != previous + 1 for previous, page in itertools.pairwise(pages))


def test_hands_out_every_page_but_the_padding_page_once() -> None:
    allocator = PageAllocator(5)
    pages = [take(allocator, 1)[0] for _ in range(5)]
    assert sorted(pages) == [1, 2, 3, 4, 5]
    assert PADDING_PAGE not in pages
    assert allocator.alloc(1) is None


def test_is_all_or_nothing() -> None:
    allocator = PageAllocator(4)
    take(allocator, 3)
    assert allocator.alloc(2) is None
    assert allocator.free_count == 1
    assert take(allocator, 1) == [4]


def test_everything_is_free_again_after_everything_was_freed() -> None:
    allocator = PageAllocator(9)
    first, second = allocator.alloc(4, room=3), allocator.alloc(2)
    assert first is not None
    assert second is not None
    allocator.free(first)
    allocator.free(second)
    assert allocator.free_count == 9
    assert len(take(allocator, 9)) == 9


@pytest.mark.parametrize("pages", [[0], [-1], [6], [5], [1, 1], [1, 5]])
def test_refuses_to_take_back_what_it_did_not_hand_out(pages: list[int]) -> None:
    allocator = PageAllocator(5)
    take(allocator, 4)
    with pytest.raises(ValueError, match=r"double free|exist"):
        allocator.free(page_array(*pages))
    assert allocator.free_count == 1
    assert allocator.check() == []


def test_refuses_a_pool_without_pages_and_an_empty_order() -> None:
    with pytest.raises(ValueError, match="at least one page"):
        PageAllocator(0)
    with pytest.raises(ValueError, match="cannot hand out 0 pages"):
        PageAllocator(1).alloc(0)


class TestPlacement:
    def test_two_growing_requests_stay_contiguous(self) -> None:
        allocator = PageAllocator(100)
        rows = [take(allocator, 5, room=20), take(allocator, 5, room=20)]
        for _ in range(20):
            for row in rows:
                row += take(allocator, 1, after=row[-1], reserved=True, room=20)
        assert [number_of_runs(row) for row in rows] == [1, 1]

    def test_a_request_that_shares_a_prefix_does_not_take_the_room_of_its_owner(self) -> None:
        allocator = PageAllocator(20)
        owner = take(allocator, 4, room=4)
        other = take(allocator, 2, after=owner[-1], reserved=False)
        assert other[0] > owner[-1] + 4
        assert take(allocator, 4, after=owner[-1], reserved=True) == [5, 6, 7, 8]

    def test_a_request_continues_a_prefix_whose_owner_is_gone(self) -> None:
        allocator = PageAllocator(20)
        prefix = take(allocator, 4, room=4)
        allocator.unreserve(prefix[-1])
        assert take(allocator, 2, after=prefix[-1], reserved=False, room=2) == [5, 6]
        assert allocator.reserved_count == 2

    def test_the_first_run_with_room_is_preferred_to_a_tight_one(self) -> None:
        allocator = PageAllocator(20)
        blocks = [take(allocator, 3), take(allocator, 1)]
        allocator.free(page_array(*blocks[0]))
        assert take(allocator, 3, room=5) == [5, 6, 7]
        assert take(allocator, 3) == [1, 2, 3]

    def test_without_a_run_that_has_room_the_longest_run_is_taken(self) -> None:
        allocator = PageAllocator(10)
        pages = take(allocator, 10)
        allocator.free(page_array(*pages[1:3], *pages[4:8]))
        assert take(allocator, 1, room=9) == [5]
        assert allocator.reserved_count == 3

    def test_reservations_give_way_by_halves(self) -> None:
        allocator = PageAllocator(40)
        first = take(allocator, 4, room=100)
        assert allocator.reserved_count == 36
        second = take(allocator, 4, room=8)
        assert second[0] == first[-1] + 1 + 18  # half of the room stays with the first
        assert allocator.reserved_count == 18 + 8
        assert take(allocator, 18, after=first[-1], reserved=True) == list(range(5, 23))

    def test_all_pages_are_usable_in_spite_of_reservations(self) -> None:
        allocator = PageAllocator(40)
        for _ in range(4):
            take(allocator, 2, room=8)
        assert len(take(allocator, 32)) == 32
        assert allocator.free_count == allocator.reserved_count == 0

    def test_scattered_pages_are_given_in_as_few_runs_as_possible(self) -> None:
        allocator = PageAllocator(20)
        pages = take(allocator, 20)
        allocator.free(page_array(*pages[0:2], *pages[4:9], *pages[11:12], *pages[14:18]))
        taken = take(allocator, 7)
        assert taken == [5, 6, 7, 8, 9, 1, 2]  # the run of 5, then the run of 2 that covers the rest exactly


class TestFence:
    def test_a_shielded_page_waits_for_the_step(self) -> None:
        allocator = PageAllocator(2)
        pages = allocator.alloc(2)
        assert pages is not None
        step = allocator.begin_step()
        allocator.shield(pages)
        allocator.free(pages)
        assert (allocator.free_count, allocator.fenced_count) == (0, 2)
        assert allocator.alloc(1) is None
        assert allocator.check() == []
        allocator.retire(step)
        assert (allocator.free_count, allocator.fenced_count) == (2, 0)

    def test_a_page_no_step_uses_is_free_at_once(self) -> None:
        allocator = PageAllocator(2)
        pages = allocator.alloc(2)
        assert pages is not None
        allocator.shield(pages)  # nothing is in flight yet
        allocator.begin_step()
        allocator.free(pages)
        assert allocator.free_count == 2

    def test_pages_wait_for_the_last_step_that_may_use_them_and_no_longer(self) -> None:
        allocator = PageAllocator(3)
        pages = allocator.alloc(3)
        assert pages is not None
        first = allocator.begin_step()
        allocator.shield(pages[:1])
        second = allocator.begin_step()
        allocator.shield(pages[1:2])
        third = allocator.begin_step()
        allocator.free(pages)
        counts = [allocator.free_count]
        for step in (first, second, third):
            allocator.retire(step)
            counts.append(allocator.free_count)
        assert counts == [1, 2, 3, 3]

    def test_a_fenced_page_cannot_be_freed_again(self) -> None:
        allocator = PageAllocator(1)
        pages = allocator.alloc(1)
        assert pages is not None
        allocator.begin_step()
        allocator.shield(pages)
        allocator.free(pages)
        with pytest.raises(ValueError, match="double free"):
            allocator.free(pages)

    def test_steps_retire_in_order(self) -> None:
        allocator = PageAllocator(1)
        first, second = allocator.begin_step(), allocator.begin_step()
        with pytest.raises(ValueError, match="not the oldest"):
            allocator.retire(second)
        allocator.retire(first)
        allocator.retire(second)
        with pytest.raises(ValueError, match="not the oldest"):
            allocator.retire(second)


orders = st.tuples(st.booleans(), st.integers(1, 12), st.integers(0, 8), st.integers(0, 50))


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 40), st.lists(orders, max_size=40))
def test_any_order_of_alloc_and_free_keeps_the_partition(
    num_pages: int, steps: list[tuple[bool, int, int, int]]
) -> None:
    allocator = PageAllocator(num_pages)
    blocks: list[PageArray] = []
    for free, count, room, choice in steps:
        if free and blocks:
            block = blocks.pop(choice % len(blocks))
            allocator.unreserve(int(block[-1]))
            allocator.free(block)
        elif not free:
            growing = choice % len(blocks) if blocks and choice % 2 else None
            after = int(blocks[growing][-1]) if growing is not None else None
            before = allocator.free_count
            pages = allocator.alloc(count, after=after, reserved=growing is not None, room=room)
            assert (pages is None) == (count > before)
            if pages is not None and growing is not None and after is not None:
                if pages[0] != after + 1:
                    allocator.unreserve(after)
                blocks[growing] = np.concatenate([blocks[growing], pages])
            elif pages is not None:
                blocks.append(pages)
        used = [page for block in blocks for page in block.tolist()]
        assert len(set(used)) == len(used)
        assert sorted(used + allocator.free_pages().tolist()) == list(range(1, num_pages + 1))
        assert allocator.reserved_count == sum(allocator.reserved_behind(int(block[-1])) for block in blocks)
        assert allocator.check() == []

"""The page table and the runs it knows, compared with what the table says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgl.kvcache.pages import PageArray
from sgl.kvcache.rows import PageRows


def page_array(pages: list[int]) -> PageArray:
    return np.array(pages, dtype=np.int32)


def slots_by_hand(rows: PageRows, row: int, first: int, stop: int) -> list[int]:
    size = rows.page_size
    return [int(rows.table[row, token // size]) * size + token % size for token in range(first, stop)]


def test_rows_are_given_to_one_taker_at_a_time() -> None:
    rows = PageRows(2, 4, 1)
    first, second = rows.take(), rows.take()
    assert {first, second} == {0, 1}
    assert rows.take() is None
    assert rows.taken_count == 2
    assert first is not None
    rows.give(first)
    assert rows.take() == first


def test_a_row_that_was_given_back_is_empty() -> None:
    rows = PageRows(1, 4, 1)
    row = rows.take()
    assert row is not None
    rows.append(row, page_array([7, 9]))
    rows.give(row)
    assert (rows.table == -1).all()
    assert rows.last_page(row) is None
    assert rows.check() == []


def test_runs_are_maximal_and_in_token_order() -> None:
    rows = PageRows(1, 10, 4)
    rows.take()
    rows.append(0, page_array([5, 6, 7]))
    rows.append(0, page_array([8]))
    rows.append(0, page_array([2, 3, 9]))
    assert rows.runs(0, 0, 28) == [(20, 16), (8, 8), (36, 4)]
    assert rows.runs(0, 3, 14) == [(23, 13), (8, 1)]
    assert rows.runs(0, 16, 1) == [(8, 1)]
    assert rows.runs(0, 5, 0) == []
    assert rows.last_page(0) == 9


def test_rewriting_joins_and_breaks_runs() -> None:
    rows = PageRows(1, 10, 1)
    rows.take()
    rows.append(0, page_array([1, 2, 9, 4, 5]))
    rows.rewrite(0, 2, page_array([3]))
    assert rows.runs(0, 0, 5) == [(1, 5)]
    rows.rewrite(0, 0, page_array([7, 8]))
    assert rows.runs(0, 0, 5) == [(7, 2), (3, 3)]
    assert rows.check() == []


def test_limits_are_kept() -> None:
    rows = PageRows(1, 2, 4)
    rows.take()
    rows.append(0, page_array([1]))
    with pytest.raises(ValueError, match="3 pages do not fit a row of 2"):
        rows.append(0, page_array([2, 3]))
    with pytest.raises(ValueError, match="cannot rewrite"):
        rows.rewrite(0, 1, page_array([2]))
    with pytest.raises(ValueError, match="outside a row"):
        rows.runs(0, 3, 2)
    assert rows.check() == []


edits = st.lists(
    st.tuples(
        st.sampled_from(["append", "rewrite"]), st.lists(st.integers(1, 6), min_size=0, max_size=6), st.integers(0, 30)
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([1, 2, 4, 16]), edits, st.data())
def test_runs_and_slots_always_say_what_the_table_says(
    page_size: int, steps: list[tuple[str, list[int], int]], data: st.DataObject
) -> None:
    rows = PageRows(2, 80, page_size)
    row = rows.take()
    assert row is not None
    for kind, pages, position in steps:
        if kind == "append":
            rows.append(row, page_array(pages))
        elif len(pages) <= rows.count(row):
            rows.rewrite(row, position % (rows.count(row) - len(pages) + 1), page_array(pages))
        assert rows.check() == []
        tokens = rows.count(row) * page_size
        first = data.draw(st.integers(0, tokens))
        stop = data.draw(st.integers(first, tokens))
        expected = slots_by_hand(rows, row, first, stop)
        assert rows.slots(row, first, stop).tolist() == expected
        runs = rows.runs(row, first, stop - first)
        assert [slot + i for slot, count in runs for i in range(count)] == expected
        assert all(slot + count != following for (slot, count), (following, _) in itertools.pairwise(runs))


def test_a_copy_that_follows_the_news_is_the_table() -> None:
    rows = PageRows(3, 12, 4)
    copy = np.full((3, 12), -1, dtype=np.int32)

    def follow() -> None:
        for row in taken:
            first, pages = rows.news(row)
            copy[row, first : first + len(pages)] = pages
            assert copy[row, : rows.count(row)].tolist() == rows.table[row, : rows.count(row)].tolist()

    taken = [row for row in (rows.take(), rows.take()) if row is not None]
    rows.append(taken[0], np.array([5, 6, 7], dtype=np.int32))
    follow()
    assert rows.news(taken[0])[1].size == 0
    rows.append(taken[0], np.array([9], dtype=np.int32))
    rows.rewrite(taken[0], 1, np.array([3], dtype=np.int32))
    rows.append(taken[1], np.array([4], dtype=np.int32))
    follow()
    rows.give(taken[0])
    again = rows.take()
    assert again == taken[0]
    rows.append(taken[0], np.array([8], dtype=np.int32))
    follow()
    copy[:] = -1
    rows.tell_again()
    follow()

"""The plan of CPU attention: every row reads exactly its own slots, shared runs are read once."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from sgl.attention.segments import Rows, Run, clip_runs, cut, share

RUNS = st.lists(st.tuples(st.integers(0, 6).map(lambda start: start * 100), st.integers(1, 60)), max_size=4)


def slots_of(runs: list[Run] | tuple[Run, ...]) -> list[int]:
    return [slot for start, count in runs for slot in range(start, start + count)]


@given(RUNS, st.integers(0, 80), st.integers(0, 200))
def test_clipping_keeps_exactly_the_asked_positions(runs: list[Run], first: int, last: int) -> None:
    assert slots_of(clip_runs(runs, first, last)) == slots_of(runs)[first:last]


@given(st.lists(RUNS, min_size=1, max_size=6))
def test_every_row_reads_its_slots_once(readers: list[list[Run]]) -> None:
    distinct = [list({start: (start, count) for start, count in runs}.values()) for runs in readers]
    segments = share([((row, 1), runs) for row, runs in enumerate(distinct)])
    read: defaultdict[Rows, list[int]] = defaultdict(list)
    parts: defaultdict[Rows, int] = defaultdict(int)
    for segment in segments:
        for rows in segment.rows:
            read[rows] += slots_of([(segment.slot_start, segment.slot_count)])
            parts[rows] += 1
    for row, runs in enumerate(distinct):
        assert sorted(read[(row, 1)]) == sorted(slots_of(runs))
    for segment in segments:
        assert segment.merged == any(parts[rows] > 1 for rows in segment.rows)


def test_a_shared_prefix_is_one_segment_also_where_one_reader_goes_on_in_the_same_run() -> None:
    first, second, third = (0, 1), (1, 1), (2, 1)
    segments = share([(first, [(0, 801)]), (second, [(0, 768), (1000, 33)]), (third, [(0, 768), (1100, 2)])])
    prefix = next(segment for segment in segments if segment.slot_start == 0)
    assert (prefix.slot_count, set(prefix.rows)) == (768, {first, second, third})
    assert {(segment.slot_start, segment.slot_count) for segment in segments} == {
        (0, 768),
        (768, 33),
        (1000, 33),
        (1100, 2),
    }


@given(st.lists(RUNS, min_size=1, max_size=6), st.integers(1, 70))
def test_cut_segments_read_the_same_slots_in_tiles(readers: list[list[Run]], tile: int) -> None:
    distinct = [list({start: (start, count) for start, count in runs}.values()) for runs in readers]
    segments = share([((row, 1), runs) for row, runs in enumerate(distinct)])
    for segment in segments:
        parts = cut([segment], tile)
        runs = [(part.slot_start, part.slot_count) for part in parts]
        assert slots_of(runs) == slots_of([(segment.slot_start, segment.slot_count)])
        assert all(count <= tile for _, count in runs)
        assert all(part.rows == segment.rows for part in parts)
        assert parts == [segment] or all(part.merged for part in parts)

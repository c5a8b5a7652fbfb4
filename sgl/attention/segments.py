"""Which KV slots are read once for which query rows: the plan behind CPU attention on views.

Gathering pages into a fresh tensor costs 2.5-6x what attention on a view costs on a CPU, so the plan
works on *runs* of contiguous slots. Rows that read the same run (a shared prompt) are answered by one
call, so a prefix shared by n requests is read once and not n times (cascade attention, after
FlashInfer's "Cascade Inference", 2024). Pure Python: tested without tensors.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Run = tuple[int, int]
"""(slot_start, slot_count)"""

Rows = tuple[int, int]
"""(first query row, number of rows): all rows of one span."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One attention call: these slots for these rows, without a mask.

    ``merged`` says that some of its rows also read elsewhere, so log-sum-exps must be merged.
    """

    slot_start: int
    slot_count: int
    rows: tuple[Rows, ...]
    merged: bool


def clip_runs(runs: Sequence[Run], first: int, last: int) -> tuple[Run, ...]:
    """The slots of positions ``[first, last)`` when ``runs`` hold positions from 0 on, in order."""
    clipped: list[Run] = []
    position = 0
    for start, count in runs:
        low, high = max(first - position, 0), min(last - position, count)
        if low < high:
            clipped.append((start + low, high - low))
        position += count
    return tuple(clipped)


def share(
    readers: Iterable[tuple[Rows, Sequence[Run]]], also_elsewhere: frozenset[Rows] = frozenset()
) -> list[Segment]:
    """Groups what is read twice.

    Runs that start at the same slot are cut at each other's ends, so the common part becomes one
    segment: (0, 768) and (0, 800) give (0, 768) for both and (768, 32) for the second.

    Args:
        readers: Each span's rows and the runs all of its rows read.
        also_elsewhere: Rows that get a contribution outside these segments as well.
    """
    by_start: defaultdict[int, list[tuple[int, Rows]]] = defaultdict(list)
    for rows, runs in readers:
        for start, count in runs:
            by_start[start].append((count, rows))
    pieces: list[tuple[int, int, tuple[Rows, ...]]] = []
    for start, group in by_start.items():
        group.sort()
        done = 0
        for index, (count, _) in enumerate(group):
            if count > done:
                pieces.append((start + done, count - done, tuple(rows for _, rows in group[index:])))
                done = count
    reads = Counter(rows for _, _, readers_of in pieces for rows in readers_of)
    return [
        Segment(start, count, rows, merged=any(reads[row] > 1 or row in also_elsewhere for row in rows))
        for start, count, rows in pieces
    ]


def cut(segments: Iterable[Segment], tile: int) -> list[Segment]:
    """The same segments in parts of at most ``tile`` slots."""
    return [
        Segment(segment.slot_start + done, min(tile, segment.slot_count - done), segment.rows, merged=True)
        if segment.slot_count > tile
        else segment
        for segment in segments
        for done in range(0, segment.slot_count, tile)
    ]

"""The page table: which pages hold the KV of each running request, in token order.

Row r of `PageRows.table` lists the pages of one lease; entries beyond its last page, and all entries of a
free row, are -1 (I19). Beside the table each row keeps its *runs*, the maximal stretches of consecutive
pages, up to date as pages are appended: attention asks for them in every step, and the work of a decode
step must not grow with the length of the request.

A *slot* is the place of one token in the pool: ``page * page_size + offset``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt

from sgl.kvcache.pages import PageArray

SlotArray = npt.NDArray[np.int64]
"""Slots of tokens in the pool."""


class PageRows:
    """``max_rows`` rows of at most ``max_pages`` pages of ``page_size`` tokens.

    Attributes:
        table: int32 [max_rows, max_pages]; to be read by anybody and written only here.
    """

    def __init__(self, max_rows: int, max_pages: int, page_size: int) -> None:
        self.page_size = page_size
        self.table: PageArray = np.full((max_rows, max_pages), -1, dtype=np.int32)
        self._idle = list(range(max_rows))[::-1]
        self._counts = [0] * max_rows
        self._told = [0] * max_rows  # leading pages of each row that `news` has told
        # run k of a row starts at page index _starts[row][k], where the table holds page _heads[row][k]
        self._starts: list[list[int]] = [[] for _ in range(max_rows)]
        self._heads: list[list[int]] = [[] for _ in range(max_rows)]

    @property
    def max_pages(self) -> int:
        """Width of a row."""
        return int(self.table.shape[1])

    @property
    def taken_count(self) -> int:
        """Rows in use."""
        return len(self._counts) - len(self._idle)

    def take(self) -> int | None:
        """An empty row, or None when all are taken."""
        return self._idle.pop() if self._idle else None

    def give(self, row: int) -> None:
        """Clears a taken row and takes it back."""
        self.table[row, : self._counts[row]] = -1
        self._counts[row] = 0
        self._told[row] = 0
        self._starts[row].clear()
        self._heads[row].clear()
        self._idle.append(row)

    def count(self, row: int) -> int:
        """Pages in the row."""
        return self._counts[row]

    def last_page(self, row: int) -> int | None:
        """The page that holds the row's last tokens."""
        count = self._counts[row]
        return self._heads[row][-1] + count - 1 - self._starts[row][-1] if count else None

    def news(self, row: int) -> tuple[int, PageArray]:
        """What has changed in a row since it was asked for last: the first changed index, and all pages from there on.

        For whoever keeps a copy of the table elsewhere; there is one at most.
        """
        first, self._told[row] = self._told[row], self._counts[row]
        return first, self.table[row, first : self._counts[row]]

    def tell_again(self) -> None:
        """The copy was lost: all pages are news."""
        self._told = [0] * len(self._told)

    def pages(self, row: int, start: int, stop: int) -> PageArray:
        """A copy of the row's pages at indices [start, stop)."""
        pages: PageArray = self.table[row, start:stop].copy()
        return pages

    def append(self, row: int, pages: PageArray) -> None:
        """Adds pages at the end of the row.

        Raises:
            ValueError: The row is not that wide.
        """
        start = self._counts[row]
        stop = start + len(pages)
        if stop > self.max_pages:
            raise ValueError(f"{stop} pages do not fit a row of {self.max_pages}")
        self.table[row, start:stop] = pages
        self._track(row, start, pages)
        self._counts[row] = stop

    def rewrite(self, row: int, start: int, pages: PageArray) -> None:
        """Replaces the pages at indices [start, start + len(pages)), which the row already has."""
        count = self._counts[row]
        if start + len(pages) > count:
            raise ValueError(f"the row has {count} pages; cannot rewrite [{start}, {start + len(pages)})")
        self.table[row, start : start + len(pages)] = pages
        self._told[row] = min(self._told[row], start)
        kept = bisect_left(self._starts[row], start)
        del self._starts[row][kept:], self._heads[row][kept:]
        self._track(row, start, self.table[row, start:count])

    def _track(self, row: int, start: int, pages: PageArray) -> None:
        """Continues the row's runs, known up to page index ``start``, with ``pages``."""
        starts, heads = self._starts[row], self._heads[row]
        breaks = [0]
        if len(pages) > 1:
            breaks += (np.flatnonzero(np.diff(pages) != 1) + 1).tolist()
        for offset in breaks if len(pages) else ():
            index, page = start + offset, int(pages[offset])
            if not starts or page != heads[-1] + index - starts[-1]:
                starts.append(index)
                heads.append(page)

    def runs(self, row: int, first: int, length: int) -> list[tuple[int, int]]:
        """The tokens [first, first + length) as maximal runs of consecutive slots.

        Returns:
            ``(first slot, number of slots)`` of each run, in token order; costs O(runs), not O(pages).

        Raises:
            ValueError: The row has no pages for some of the tokens.
        """
        size, stop = self.page_size, first + length
        if first < 0 or stop > self._counts[row] * size:
            raise ValueError(f"tokens [{first}, {stop}) are outside a row of {self._counts[row]} pages of {size}")
        starts, heads = self._starts[row], self._heads[row]
        run = bisect_right(starts, first // size) - 1
        runs = []
        while first < stop:
            end = min(stop, starts[run + 1] * size) if run + 1 < len(starts) else stop
            runs.append(((heads[run] - starts[run]) * size + first, end - first))
            first = end
            run += 1
        return runs

    def slots(self, row: int, start: int, stop: int) -> SlotArray:
        """Slots of the tokens [start, stop), int64 [stop - start]."""
        pieces = [np.arange(slot, slot + count) for slot, count in self.runs(row, start, stop - start)]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)

    def check(self) -> list[str]:
        """Compares counts and runs with the table; returns what is wrong, in words."""
        problems = []
        if len(set(self._idle)) != len(self._idle):
            problems.append("I19: a row is idle twice")
        for row in self._idle:
            if self._counts[row]:
                problems.append(f"I19: idle row {row} still counts {self._counts[row]} pages")
        for row, count in enumerate(self._counts):
            pages = self.table[row, :count]
            if (self.table[row, count:] != -1).any():
                problems.append(f"I19: row {row} has entries behind its {count} pages")
            if (pages < 1).any():
                problems.append(f"I19: row {row} has a hole among its {count} pages")
            starts = [i for i in range(count) if i == 0 or pages[i] != pages[i - 1] + 1]
            if starts != self._starts[row] or [int(pages[i]) for i in starts] != self._heads[row]:
                problems.append(f"row {row} knows other runs than its pages form")
        return problems

"""Which pages of the KV pool are free, and which free pages to hand out.

A page is in one of four states, kept in one byte each so that a run of free pages is found at C speed:

* used      -- a lease or the radix tree holds it
* free      -- anybody may have it
* reserved  -- free, but softly kept for the growth of the lease that owns the page in front of it
* fenced    -- given back, but a step in flight may still read or write it (I20)

Attention on a CPU runs on views of the pool, and a view needs consecutive pages: gathering scattered ones
costs 2.5 to 6 times as much. So a request's first pages are placed with room behind them, and a decoding
request grows into that room. Reservations are a matter of placement only: when nothing else is left they
give way, and `PageAllocator.free_count` includes them.

Reservations need no owner table. One is only ever made directly behind the page handed out last, so the
reserved pages behind a page belong to whoever was given that page.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

PageArray = npt.NDArray[np.int32]
"""Page numbers, in the order of the tokens they hold."""

PADDING_PAGE: Final = 0
"""Never handed out: padded rows of a batch may read and write it."""

_USED: Final = 0
_FREE: Final = 1
_RESERVED: Final = 2
_FENCED: Final = 3

_FREE_BYTE: Final = bytes([_FREE])
_RESERVED_BYTE: Final = bytes([_RESERVED])


class PageAllocator:
    """Hands out pages 1..``num_pages``, preferably in consecutive runs."""

    def __init__(self, num_pages: int) -> None:
        if num_pages < 1:
            raise ValueError(f"a KV pool needs at least one page, not {num_pages}")
        self.num_pages = num_pages
        self._state = bytearray(_FREE_BYTE) * (num_pages + 1)
        self._state[PADDING_PAGE] = _USED
        self._view = np.frombuffer(self._state, dtype=np.uint8)
        self._free_count = num_pages
        self._reserved_count = 0
        self._fenced_count = 0
        self._last_step = 0
        self._in_flight: deque[int] = deque()
        self._shielded_by = np.zeros(num_pages + 1, dtype=np.int64)
        self._fence: list[tuple[int, PageArray]] = []

    @property
    def free_count(self) -> int:
        """Pages that `alloc` can hand out now, reserved ones included."""
        return self._free_count

    @property
    def fenced_count(self) -> int:
        """Pages given back that become free when the steps in flight retire."""
        return self._fenced_count

    @property
    def reserved_count(self) -> int:
        """Free pages softly kept for somebody's growth."""
        return self._reserved_count

    def free_pages(self) -> PageArray:
        """The free pages, reserved ones included, ascending."""
        return np.flatnonzero((self._view == _FREE) | (self._view == _RESERVED)).astype(np.int32)

    def fenced_pages(self) -> PageArray:
        """The fenced pages, ascending."""
        return np.flatnonzero(self._view == _FENCED).astype(np.int32)

    # -- handing out -----------------------------------------------------------------------------------------

    def alloc(self, count: int, *, after: int | None = None, reserved: bool = False, room: int = 0) -> PageArray | None:
        """Hands out ``count`` pages, or None (and nothing changes) when fewer are free.

        In this order: the pages directly behind ``after``; the first run with ``room`` pages to grow; the
        longest run; the same after reservations were halved, again and again; the fewest pieces.

        Args:
            count: Pages wanted, at least 1.
            after: The page these would best follow.
            reserved: Whether ``after`` was handed out to the caller, so that the reservation behind it is his.
            room: Pages to reserve softly behind the last one, as far as they are free.
        """
        if count < 1:
            raise ValueError(f"cannot hand out {count} pages")
        if count > self._free_count:
            return None
        if after is not None and self.continues(after, count, reserved=reserved):
            return self._take(after + 1, count, room)
        while (start := self._place(count, room)) is None:
            if not self._halve_reservations():
                return self._take_pieces(count, room)
        return self._take(start, count, room)

    def continues(self, after: int, count: int, *, reserved: bool) -> bool:
        """Whether `alloc` with these arguments hands out the pages directly behind ``after``."""
        behind = self._state[after + 1 : after + 1 + count]
        return behind.count(_FREE) + (behind.count(_RESERVED) if reserved else 0) == count

    def reserved_behind(self, page: int) -> int:
        """Pages of the reservation directly behind ``page``."""
        behind = self._state[page + 1 :]
        return len(behind) - len(behind.lstrip(_RESERVED_BYTE))

    def unreserve(self, after: int) -> None:
        """Dissolves the reservation directly behind the page ``after``, if there is one."""
        length = self.reserved_behind(after)
        self._state[after + 1 : after + 1 + length] = _FREE_BYTE * length
        self._reserved_count -= length

    def _place(self, count: int, room: int) -> int | None:
        start = self._state.find(_FREE_BYTE * (count + room))
        if start >= 0:
            return start
        starts, lengths = self._runs(_FREE)
        if not lengths.size:
            return None
        longest = int(lengths.argmax())
        return int(starts[longest]) if lengths[longest] >= count else None

    def _take(self, start: int, count: int, room: int) -> PageArray:
        stop = start + count
        self._reserved_count -= self._state.count(_RESERVED, start, stop)
        self._state[start:stop] = bytes(count)
        self._free_count -= count
        self._reserve(stop, room)
        return np.arange(start, stop, dtype=np.int32)

    def _reserve(self, start: int, room: int) -> None:
        segment = self._state[start : start + room]
        if segment.startswith(_RESERVED_BYTE):
            return  # the reservation the caller grows through reaches further still
        length = len(segment) - len(segment.lstrip(_FREE_BYTE))
        self._state[start : start + length] = _RESERVED_BYTE * length
        self._reserved_count += length

    def _halve_reservations(self) -> bool:
        """Every reservation gives up its farther half. False when there was none."""
        starts, lengths = self._runs(_RESERVED)
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            kept = length // 2
            self._state[start + kept : start + length] = _FREE_BYTE * (length - kept)
            self._reserved_count -= length - kept
        return bool(starts.size)

    def _take_pieces(self, count: int, room: int) -> PageArray:
        """Takes the longest runs whole, and the rest from the shortest run that covers it."""
        starts, lengths = self._runs(_FREE)
        by_length = np.argsort(-lengths, kind="stable")
        covered = np.cumsum(lengths[by_length])
        whole = by_length[: int(np.searchsorted(covered, count))]
        rest = count - int(lengths[whole].sum())
        candidates = np.setdiff1d(np.flatnonzero(lengths >= rest), whole)
        last = int(candidates[lengths[candidates].argmin()])
        pieces = [self._take(int(starts[run]), int(lengths[run]), 0) for run in whole]
        return np.concatenate([*pieces, self._take(int(starts[last]), rest, room)])

    def _runs(self, state: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First pages and lengths of all maximal runs in ``state``."""
        edges = np.flatnonzero(np.diff(self._view == state, prepend=False, append=False))
        starts, stops = edges[::2], edges[1::2]
        return starts, stops - starts

    # -- taking back -----------------------------------------------------------------------------------------

    def free(self, pages: PageArray) -> None:
        """Takes pages back; those shielded by a step in flight wait behind the fence.

        Raises:
            ValueError: A page is unknown, not handed out, or named twice (I18); nothing has changed then.
        """
        if not pages.size:
            return
        if int(pages.min()) <= PADDING_PAGE or int(pages.max()) > self.num_pages:
            raise ValueError(f"pages 1..{self.num_pages} exist, not all of {pages.tolist()}")
        if self._view[pages].any() or np.unique(pages).size != pages.size:
            raise ValueError(f"double free among pages {pages.tolist()}")
        if self._in_flight:
            busy = self._shielded_by[pages] >= self._in_flight[0]
            if busy.any():
                self._raise_fence(pages[busy])
                pages = pages[~busy]
        self._view[pages] = _FREE
        self._free_count += pages.size

    def _raise_fence(self, pages: PageArray) -> None:
        self._view[pages] = _FENCED
        self._fenced_count += pages.size
        shields = self._shielded_by[pages]
        self._fence += [(int(shield), pages[shields == shield]) for shield in np.unique(shields)]

    # -- steps in flight -------------------------------------------------------------------------------------

    def begin_step(self) -> int:
        """A step was launched; returns its number. Steps retire in the order they began."""
        self._last_step += 1
        self._in_flight.append(self._last_step)
        return self._last_step

    def shield(self, pages: PageArray) -> None:
        """Somebody lets go of ``pages`` that the steps in flight may use: freed now or later, they stay fenced
        until these steps have retired. Without a step in flight this does nothing."""
        if self._in_flight:
            self._shielded_by[pages] = self._last_step

    def retire(self, step: int) -> None:
        """The oldest step in flight is over; pages that waited for it alone become free."""
        if not self._in_flight or self._in_flight[0] != step:
            raise ValueError(f"step {step} is not the oldest of the steps in flight {list(self._in_flight)}")
        self._in_flight.popleft()
        waiting = []
        for shield, pages in self._fence:
            if self._in_flight and shield >= self._in_flight[0]:
                waiting.append((shield, pages))
            else:
                self._view[pages] = _FREE
                self._free_count += pages.size
                self._fenced_count -= pages.size
        self._fence = waiting

    # -- checks ----------------------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """Compares the counters with the states; returns what is wrong, in words."""
        problems = []
        if self._state[PADDING_PAGE] != _USED:
            problems.append("the padding page was given back")
        reserved = self._state.count(_RESERVED)
        if reserved != self._reserved_count:
            problems.append(f"{reserved} pages are marked reserved, {self._reserved_count} counted")
        free = self._state.count(_FREE) + reserved
        if free != self._free_count:
            problems.append(f"I2: {free} pages are marked free, {self._free_count} counted")
        fenced = self._state.count(_FENCED)
        if fenced != self._fenced_count or fenced != sum(pages.size for _, pages in self._fence):
            problems.append(f"I20: {fenced} pages are marked fenced, {self._fenced_count} counted")
        if fenced and not self._in_flight:
            problems.append(f"I20: {fenced} pages are fenced although no step is in flight")
        return problems

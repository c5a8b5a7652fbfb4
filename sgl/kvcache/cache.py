"""The KV cache as the scheduler sees it: requests hold leases, leases hold pages.

Every page is in exactly one place (I1): free or fenced in the allocator, in the radix tree, or the own page
of one lease. A lease is opened with the longest cached prefix of its prompt, extended before each step,
committed after each step that succeeded, and released once; there is no other way in or out. Tokens that
were not committed never reach the tree (I15): a step that failed or gave NaN is simply not committed.

Tokens are counted in whole pages wherever they stand for memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sgl.kvcache import audit
from sgl.kvcache.lease import Lease
from sgl.kvcache.node import IdArray
from sgl.kvcache.pages import PageAllocator
from sgl.kvcache.radix import RadixTree
from sgl.kvcache.rows import PageRows, SlotArray

TokenIds = Sequence[int] | IdArray
"""Token ids as a list or an int32 array."""

_EVICTION_ROOM: Final = 256
"""Most tokens evicted beyond what is needed now, so that a growing request finds them consecutive."""


class PrefixCache:
    """Pages, rows and the radix tree, kept consistent with each other.

    Attributes:
        page_size: Tokens per page.
        total_tokens: Tokens the pool can hold.
        pages: The allocator; to be read, for its counts.
        rows: The page table; to be read, row by row or as ``rows.table`` for a whole batch.
        tree: The radix tree; to be read.
        evicted_tokens_total: Tokens evicted from the tree so far.
    """

    def __init__(
        self, num_pages: int, page_size: int, max_rows: int, max_row_tokens: int, *, radix: bool = True
    ) -> None:
        """
        Args:
            num_pages: Pages of the pool; the pool itself has one more, the padding page 0.
            page_size: Tokens per page.
            max_rows: Most leases open at once.
            max_row_tokens: Most tokens of one lease.
            radix: Whether computed prefixes are kept and shared; without, nothing is ever found.
        """
        self.page_size = page_size
        self.total_tokens = num_pages * page_size
        self.pages = PageAllocator(num_pages)
        self.rows = PageRows(max_rows, self._pages_for(max_row_tokens), page_size)
        self.tree = RadixTree(page_size)
        self.evicted_tokens_total = 0
        self._radix = radix
        self._max_row_tokens = max_row_tokens
        self._leases: dict[int, Lease] = {}

    # -- accounting ------------------------------------------------------------------------------------------

    @property
    def shares(self) -> bool:
        """Whether computed prefixes are kept and shared at all."""
        return self._radix

    @property
    def free_tokens(self) -> int:
        """Tokens in free pages."""
        return self.pages.free_count * self.page_size

    @property
    def evictable_tokens(self) -> int:
        """Tokens in cached pages that no lease uses."""
        return self.tree.evictable * self.page_size

    @property
    def available_tokens(self) -> int:
        """Tokens that `extend` can find room for, but for pages that a step in flight still uses."""
        return self.free_tokens + self.evictable_tokens

    @property
    def used_tokens(self) -> int:
        """Tokens in pages that leases hold, shared ones counted once, and in fenced pages."""
        return self.total_tokens - self.available_tokens

    @property
    def cached_tokens_in_tree(self) -> int:
        """Tokens in the radix tree, locked or not."""
        return self.tree.size * self.page_size

    @property
    def leases(self) -> list[Lease]:
        """The open leases."""
        return list(self._leases.values())

    def _pages_for(self, tokens: int) -> int:
        return -(-tokens // self.page_size)

    # -- the life of a lease ---------------------------------------------------------------------------------

    def peek(self, namespace: str, ids: TokenIds) -> int:
        """Tokens of the prompt ``ids`` that `open` would find in the cache now; changes nothing."""
        return self.tree.peek(namespace, _as_ids(ids[: self._match_limit(ids, None)]))

    def open(self, namespace: str, ids: TokenIds, *, limit: int | None = None) -> Lease | None:
        """Opens a lease for a request with the tokens ``ids``, or returns None when no row is free.

        The longest cached prefix is locked and entered in the row. It is shorter than ``ids``, because the
        last token has to be computed to have logits, and at most ``limit`` tokens (I10).
        """
        row = self.rows.take()
        if row is None:
            return None
        node, pages, length = self.tree.match(namespace, _as_ids(ids[: self._match_limit(ids, limit)]))
        self.tree.lock(node)
        self.rows.append(row, pages)
        lease = Lease(row=row, node=node, shared=len(pages), cached_tokens=length, committed=length)
        self._leases[row] = lease
        return lease

    def _match_limit(self, ids: TokenIds, limit: int | None) -> int:
        if not self._radix:
            return 0
        most = min(len(ids) - 1, self._max_row_tokens)
        return max(0, most if limit is None else min(most, limit))

    def extend(self, lease: Lease, tokens: int, *, room: int = 0) -> bool:
        """Gives the lease pages for the token positions [0, ``tokens``), evicting cached ones if needed.

        Args:
            lease: An open lease.
            tokens: Positions that must have a page afterwards.
            room: Further tokens the request will probably need. The pages are placed so that it can grow
                by that much in one run, if possible; this costs nothing and promises nothing.

        Returns:
            False when there are not enough pages; the lease is unchanged then.

        Raises:
            ValueError: The lease is released, or ``tokens`` is more than a row holds.
        """
        self._require_open(lease)
        if tokens > self._max_row_tokens:
            raise ValueError(f"a lease holds at most {self._max_row_tokens} tokens, not {tokens}")
        needed = self._pages_for(tokens)
        count = needed - self.rows.count(lease.row)
        if count <= 0:
            return True
        room_pages = min(self._pages_for(room), self.rows.max_pages - needed)
        last = self.rows.last_page(lease.row)
        if last is None or not self.pages.continues(last, count, reserved=lease.growing):
            self._make_free(count, room_pages)
        pages = self.pages.alloc(count, after=last, reserved=lease.growing, room=room_pages)
        if pages is None:
            return False
        if last is not None and lease.growing and pages[0] != last + 1:
            self.pages.unreserve(last)
        self.rows.append(lease.row, pages)
        lease.growing = True
        return True

    def commit(self, lease: Lease, ids: TokenIds, tokens: int) -> None:
        """Records that the KV of the first ``tokens`` tokens of ``ids`` is computed, and shares whole pages.

        Costs O(page size) when a page has filled and O(1) when not. Where another request has committed the
        same tokens first, the lease goes on with that request's pages and its own are freed (I4, I5).

        Raises:
            ValueError: The lease is released, ``tokens`` went back, or there are no pages for them.
        """
        self._require_open(lease)
        if not lease.committed <= tokens <= self.rows.count(lease.row) * self.page_size:
            raise ValueError(
                f"cannot commit {tokens} tokens: {lease.committed} are committed and there are "
                f"{self.rows.count(lease.row)} pages of {self.page_size}"
            )
        lease.committed = tokens
        full = tokens // self.page_size
        if self._radix and full > lease.shared:
            self._share(lease, _as_ids(ids[lease.shared * self.page_size : full * self.page_size]))

    def release(self, lease: Lease) -> None:
        """Gives back everything the lease holds; what it committed stays cached. Idempotent."""
        if lease.node is None:
            return
        row, count = lease.row, self.rows.count(lease.row)
        if lease.growing:
            self._unreserve_behind(lease)
        self.pages.shield(self.rows.pages(row, 0, count))
        self.pages.free(self.rows.pages(row, lease.shared, count))
        self.tree.unlock(lease.node)
        self.rows.give(row)
        del self._leases[row]
        lease.row, lease.node, lease.growing = -1, None, False

    def _require_open(self, lease: Lease) -> None:
        if not lease.is_open:
            raise ValueError("the lease was released")

    def _unreserve_behind(self, lease: Lease) -> None:
        last = self.rows.last_page(lease.row)
        assert last is not None, "a growing lease has pages"
        self.pages.unreserve(last)

    def _share(self, lease: Lease, ids: IdArray) -> None:
        """Moves the lease's own pages that hold ``ids`` into the tree, except those the tree has already."""
        assert lease.node is not None
        own = self.rows.pages(lease.row, lease.shared, lease.shared + len(ids) // self.page_size)
        node, present, canonical = self.tree.append(lease.node, ids, own)
        doubles = own[: present // self.page_size]
        if doubles.size:
            if lease.growing and doubles[-1] == self.rows.last_page(lease.row):
                self._unreserve_behind(lease)
                lease.growing = False
            self.rows.rewrite(lease.row, lease.shared, canonical[: doubles.size])
            self.pages.shield(doubles)
            self.pages.free(doubles)
        lease.node = node
        lease.shared += own.size

    # -- eviction and flush ----------------------------------------------------------------------------------

    def evict(self, tokens: int) -> int:
        """Evicts cached tokens that no lease uses, those used longest ago first; returns how many."""
        evicted = self.tree.evict(self._pages_for(tokens))
        self.pages.free(evicted)
        self.evicted_tokens_total += evicted.size * self.page_size
        return evicted.size * self.page_size

    def flush(self) -> bool:
        """Forgets everything cached. Does nothing and returns False while a lease is open (I17)."""
        if self._leases:
            return False
        self.pages.free(self.tree.flush())
        return True

    def _make_free(self, pages: int, room: int) -> None:
        """Evicts until ``pages`` are free that nobody has reserved, or at least free; nothing if out of reach."""
        if pages > self.pages.free_count + self.tree.evictable:
            return
        extra = min(room * self.page_size, _EVICTION_ROOM)
        unreserved = self.pages.free_count - self.pages.reserved_count
        if pages > unreserved:
            self.evict((pages - unreserved) * self.page_size + extra)
        while pages > self.pages.free_count and self.evict((pages - self.pages.free_count) * self.page_size):
            pass  # evicted pages went behind the fence

    # -- steps in flight -------------------------------------------------------------------------------------

    def begin_step(self) -> int:
        """A step that uses the leases' pages was launched; returns its number.

        Until `retire`, pages of leases released or remapped in the meantime are not handed out again (I20).
        A synchronous engine, which commits and releases between steps, need not call it.
        """
        return self.pages.begin_step()

    def retire(self, step: int) -> None:
        """The oldest launched step is over."""
        self.pages.retire(step)

    # -- reading the page table ------------------------------------------------------------------------------

    def runs(self, lease: Lease, first: int, length: int) -> list[tuple[int, int]]:
        """The tokens [first, first + length) as ``(first slot, count)`` runs of consecutive slots."""
        return self.rows.runs(lease.row, first, length)

    def slots(self, lease: Lease, start: int, stop: int) -> SlotArray:
        """Slots of the tokens [start, stop), int64."""
        return self.rows.slots(lease.row, start, stop)

    # -- checks ----------------------------------------------------------------------------------------------

    def check(self, thorough: bool = False) -> list[str]:
        """Violated invariants in words; empty when all is well.

        The cheap form compares counts and is meant for every idle moment; the thorough one recomputes
        everything from scratch.
        """
        if thorough:
            return audit.recompute(self.pages, self.rows, self.tree, self.leases)
        return audit.compare_counts(self.pages, self.rows, self.tree, self.leases)


def _as_ids(ids: TokenIds) -> IdArray:
    return np.asarray(ids, dtype=np.int32)

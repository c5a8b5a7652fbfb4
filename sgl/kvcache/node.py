"""One node of the radix tree: an edge of token ids and the pages that hold their KV."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sgl.kvcache.pages import PageArray

IdArray = npt.NDArray[np.int32]
"""Token ids."""

NO_PAGES: PageArray = np.empty(0, dtype=np.int32)
NO_PAGES.flags.writeable = False


class Node:
    """One edge of the tree and the pages of its tokens.

    Attributes:
        namespace: The namespace of the whole tree this node is in.
        parent: None for a root and for a node that was evicted.
        children: By the bytes of the first page of their tokens.
        size: Pages on this edge; 0 for a root only.
        lock: Leases whose last node is this one or below it.
        last_access: Tick of the last match, lock or unlock that passed through; never above the parent's.
        queued: Whether the eviction heap has an entry for this node.
    """

    __slots__ = (
        "_ids",
        "_pages",
        "children",
        "last_access",
        "lock",
        "namespace",
        "page_size",
        "parent",
        "queued",
        "serial",
        "size",
    )

    def __init__(self, parent: Node | None, namespace: str, page_size: int, serial: int) -> None:
        self.parent = parent
        self.namespace = namespace
        self.page_size = page_size
        self.serial = serial
        self.children: dict[bytes, Node] = {}
        self.size = 0
        self.lock = 0
        self.last_access: int = parent.last_access if parent else 0
        self.queued = False
        self._ids: IdArray = NO_PAGES
        self._pages: PageArray = NO_PAGES

    @property
    def ids(self) -> IdArray:
        """Tokens of this edge, int32 [size * page_size]; a view."""
        return self._ids[: self.size * self.page_size]

    @property
    def pages(self) -> PageArray:
        """Pages of this edge, int32 [size]; a view."""
        return self._pages[: self.size]

    @property
    def key(self) -> bytes:
        """Under which the parent knows this node."""
        return self._ids[: self.page_size].tobytes()

    def shared_pages(self, ids: IdArray) -> int:
        """Leading pages of this edge that spell the beginning of ``ids``, which share at least the first page."""
        length = min(self.size, len(ids) // self.page_size) * self.page_size
        differs = self._ids[:length] != ids[:length]
        first = int(differs.argmax())
        return (first if differs[first] else length) // self.page_size

    def extend(self, ids: IdArray, pages: PageArray) -> None:
        """Appends whole pages to the edge; capacity doubles, so this costs O(len(ids)) amortised."""
        size = self.size + len(pages)
        if size > len(self._pages):
            capacity = max(size, 2 * self.size)
            self._ids = _resized(self.ids, capacity * self.page_size)
            self._pages = _resized(self.pages, capacity)
        self._ids[self.size * self.page_size : size * self.page_size] = ids
        self._pages[self.size : size] = pages
        self.size = size

    def drop_first(self, pages: int) -> None:
        """Cuts off the first ``pages`` pages."""
        self._ids = self.ids[pages * self.page_size :].copy()
        self._pages = self.pages[pages:].copy()
        self.size -= pages

    def drop_last(self, pages: int) -> None:
        """Cuts off the last ``pages`` pages."""
        self.size -= pages


def _resized(values: npt.NDArray[np.int32], capacity: int) -> npt.NDArray[np.int32]:
    larger = np.empty(capacity, dtype=np.int32)
    larger[: len(values)] = values
    return larger

"""The prefix cache: a radix tree from token ids to the pages that hold their KV.

An edge is a whole number of pages. A node owns the pages of its edge, the path from the root spells the
tokens, and two children of a node differ within their first page, so a lookup costs one dictionary access
and one array comparison per node. Each namespace (tenant, adapter, cache salt) has a root of its own and
shares nothing with the others (I16).

A lease locks the path to the last node it uses. `RadixTree.evict` takes pages from the end of the leaf
that was used longest ago and that nobody locks; candidates wait in a heap that is corrected only when it
is popped, so neither locking nor evicting ever scans the tree.

A request that decodes inserts page after page. As long as nobody else uses its last node, that node grows
in place (amortised O(page size)) instead of becoming a chain of one-page nodes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from sgl.kvcache.node import NO_PAGES, IdArray, Node
from sgl.kvcache.pages import PageArray


class Match(NamedTuple):
    """The longest cached prefix: its last node, its pages, and its length in tokens."""

    node: Node
    pages: PageArray
    length: int


class Insertion(NamedTuple):
    """What an insert found: the last node, tokens that were present, and the tree's pages for all of them."""

    node: Node
    present: int
    pages: PageArray


class RadixTree:
    """Prefixes of token ids in whole pages of ``page_size`` tokens."""

    def __init__(self, page_size: int) -> None:
        if page_size < 1:
            raise ValueError(f"a page holds at least one token, not {page_size}")
        self.page_size = page_size
        self._roots: dict[str, Node] = {}
        self._heap: list[tuple[int, int, Node]] = []
        self._clock = 0
        self._serial = 0
        self._evictable = 0
        self._protected = 0

    @property
    def evictable(self) -> int:
        """Pages in nodes that nobody locks."""
        return self._evictable

    @property
    def protected(self) -> int:
        """Pages in locked nodes."""
        return self._protected

    @property
    def size(self) -> int:
        """Pages in the tree."""
        return self._evictable + self._protected

    def nodes(self) -> Iterator[Node]:
        """All nodes, roots included, parents before children."""
        stack = list(self._roots.values())
        while stack:
            node = stack.pop()
            yield node
            stack.extend(node.children.values())

    # -- lookup ----------------------------------------------------------------------------------------------

    def peek(self, namespace: str, ids: IdArray) -> int:
        """Tokens of ``ids`` that `match` would find; touches nothing."""
        root = self._roots.get(namespace)
        if root is None:
            return 0
        path, shared = self._descend(root, ids)
        return (sum(node.size for node in path[:-1]) + shared) * self.page_size

    def match(self, namespace: str, ids: IdArray, limit: int | None = None) -> Match:
        """Finds the longest cached prefix of at most ``limit`` tokens, whole pages only.

        An edge that matches in part is split, so that the match ends at a node that can be locked. The whole
        path counts as used. The result holds until the next `evict` unless its node is locked.
        """
        root = self._root(namespace)
        path, shared = self._descend(root, ids[:limit])
        if path and shared < path[-1].size:
            path[-1] = self._split(path[-1], shared)
        self._clock += 1
        for node in (root, *path):
            node.last_access = self._clock
        pages = _pages_of(path)
        return Match(path[-1] if path else root, pages, len(pages) * self.page_size)

    def _root(self, namespace: str) -> Node:
        root = self._roots.get(namespace)
        if root is None:
            root = self._roots[namespace] = self._new_node(None, namespace)
        return root

    def _new_node(self, parent: Node | None, namespace: str) -> Node:
        self._serial += 1
        return Node(parent, namespace, self.page_size, self._serial)

    def _descend(self, node: Node, ids: IdArray) -> tuple[list[Node], int]:
        """The nodes below ``node`` that spell ``ids``, and how many pages of the last one do."""
        path: list[Node] = []
        shared = 0
        while len(ids) >= self.page_size:
            child = node.children.get(ids[: self.page_size].tobytes())
            if child is None:
                break
            path.append(child)
            shared = child.shared_pages(ids)
            if shared < child.size:
                break
            ids = ids[shared * self.page_size :]
            node = child
        return path, shared

    def _split(self, node: Node, pages: int) -> Node:
        """Cuts an edge after ``pages`` pages; returns the new upper half, which counts as used with its parent.

        The lower half stays the same object: leases that end at it still lock the whole path (I12).
        """
        parent = node.parent
        assert parent is not None, "a root has no edge to split"
        upper = self._new_node(parent, node.namespace)
        upper.lock = node.lock
        upper.extend(node.ids[: pages * self.page_size], node.pages[:pages])
        parent.children[upper.key] = upper
        node.drop_first(pages)
        node.parent = upper
        upper.children[node.key] = node
        return upper

    # -- insertion -------------------------------------------------------------------------------------------

    def insert(self, namespace: str, ids: IdArray, pages: PageArray) -> Insertion:
        """Adds whole pages for ``ids``, from the root on.

        Pages for tokens that are present already are not taken: they stay the caller's (I13).
        """
        self._clock += 1
        inserted = self._insert(self._root(namespace), ids, pages, holder=None)
        node: Node | None = inserted.node
        while node is not None:
            node.last_access = self._clock
            node = node.parent
        self._offer(inserted.node)
        return inserted

    def append(self, node: Node, ids: IdArray, pages: PageArray) -> Insertion:
        """Adds whole pages below ``node``, which the caller has locked; his lock moves down to the result."""
        inserted = self._insert(node, ids, pages, holder=node)
        below: Node | None = inserted.node
        while below is not node:
            assert below is not None, "an insertion ends below the node it started from"
            self._add_lock(below)
            below = below.parent
        return inserted

    def _insert(self, start: Node, ids: IdArray, pages: PageArray, holder: Node | None) -> Insertion:
        if len(ids) != len(pages) * self.page_size:
            raise ValueError(f"{len(ids)} tokens do not fill {len(pages)} pages of {self.page_size}")
        path, shared = self._descend(start, ids)
        if path and shared < path[-1].size:
            path[-1] = self._split(path[-1], shared)
        end = path[-1] if path else start
        known = _pages_of(path)
        present = len(known) * self.page_size
        if present < len(ids):
            end = self._grow(end, ids[present:], pages[len(known) :], in_place=end.lock == (end is holder))
        return Insertion(end, present, np.concatenate([known, pages[len(known) :]]))

    def _grow(self, end: Node, ids: IdArray, pages: PageArray, *, in_place: bool) -> Node:
        """Puts new tokens behind a leaf that nobody else uses, or else in a new node below it."""
        if end.parent is None or end.children or not in_place:
            node = self._new_node(end, end.namespace)
            node.extend(ids, pages)
            end.children[node.key] = node
        else:
            node = end
            node.extend(ids, pages)
        if node.lock:
            self._protected += len(pages)
        else:
            self._evictable += len(pages)
        return node

    # -- locks -----------------------------------------------------------------------------------------------

    def lock(self, node: Node) -> None:
        """Protects the path to ``node`` from eviction, once more."""
        self._clock += 1
        step: Node | None = node
        while step is not None:
            self._add_lock(step)
            step.last_access = self._clock
            step = step.parent

    def _add_lock(self, node: Node) -> None:
        if not node.lock:
            self._evictable -= node.size
            self._protected += node.size
        node.lock += 1

    def unlock(self, node: Node) -> None:
        """Undoes one `lock`.

        Raises:
            ValueError: Nobody has locked ``node``.
        """
        if node.lock < 1:
            raise ValueError("unlock of a node that is not locked")
        self._clock += 1
        step: Node | None = node
        while step is not None:
            step.lock -= 1
            step.last_access = self._clock
            if not step.lock:
                self._protected -= step.size
                self._evictable += step.size
                self._offer(step)
            step = step.parent

    # -- eviction --------------------------------------------------------------------------------------------

    def evict(self, pages: int) -> PageArray:
        """Gives up min(``pages``, `evictable`) pages, those used longest ago first, and returns them."""
        evicted: list[PageArray] = []
        while pages > 0 and self._heap:
            access, _, node = heapq.heappop(self._heap)
            node.queued = False
            if node.lock or node.children:
                continue  # it is offered again when it becomes an unlocked leaf
            if access != node.last_access:
                self._offer(node)
                continue
            taken = min(pages, node.size)
            evicted.append(node.pages[node.size - taken :].copy())
            self._evictable -= taken
            pages -= taken
            if taken < node.size:
                node.drop_last(taken)
                self._offer(node)
            else:
                self._remove(node)
        return np.concatenate([NO_PAGES, *evicted])

    def flush(self) -> PageArray:
        """Empties the tree and returns the pages it had.

        Raises:
            ValueError: Somebody holds a lock (I17).
        """
        if any(root.lock for root in self._roots.values()):
            raise ValueError("the tree cannot be flushed while requests use it")
        pages = _pages_of(self.nodes())
        self._roots.clear()
        self._heap.clear()
        self._evictable = 0
        return pages

    def _offer(self, node: Node) -> None:
        """Queues an unlocked leaf for eviction; forgets the root of an empty, unused namespace."""
        if node.lock or node.children:
            return
        if node.parent is None:
            self._roots.pop(node.namespace, None)
        elif not node.queued:
            node.queued = True
            heapq.heappush(self._heap, (node.last_access, node.serial, node))

    def _remove(self, leaf: Node) -> None:
        parent = leaf.parent
        assert parent is not None, "a root is never queued"
        del parent.children[leaf.key]
        leaf.parent = None
        self._offer(parent)

    # -- checks ----------------------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """Recomputes everything from scratch; returns what is wrong, in words."""
        problems = []
        evictable = protected = 0
        for node in self.nodes():
            parent = node.parent
            if node.lock:
                protected += node.size
            else:
                evictable += node.size
            if node.lock < sum(child.lock for child in node.children.values()):
                problems.append(f"I6: a node has {node.lock} locks, its children have more")
            if parent is None:
                if self._roots.get(node.namespace) is not node or node.size:
                    problems.append(f"I9: a node below namespace {node.namespace!r} has no parent")
                continue
            if not node.size:
                problems.append("I9: an edge is empty")
            if parent.children.get(node.key) is not node:
                problems.append("I9: a node is not its parent's child")
            if node.namespace != parent.namespace:
                problems.append(f"I16: {parent.namespace!r} and {node.namespace!r} share a path")
            if node.last_access > parent.last_access:
                problems.append("I21: a node was used later than its parent")
            if not node.lock and not node.children and not node.queued:
                problems.append("I8: an unlocked leaf is not queued for eviction")
        if (evictable, protected) != (self._evictable, self._protected):
            problems.append(
                f"I7: {evictable} evictable and {protected} protected pages, "
                f"but {self._evictable} and {self._protected} counted"
            )
        return problems


def _pages_of(path: Iterable[Node]) -> PageArray:
    return np.concatenate([NO_PAGES, *(node.pages for node in path)])

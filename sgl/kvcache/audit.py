"""The invariants that tie pages, rows, tree and leases together, checked from outside.

Each of the parts checks itself; what is left are the statements about all of them. Messages begin with the
number of the invariant:

* I1  every page is free, fenced, in the tree, or the own page of one lease; I2 no page is free twice
* I3  no lease or node refers to a page that is free or fenced; I5 a page is in at most one node
* I4  the shared pages of a lease are those of its path in the tree, in order
* I6  a node's locks are the leases that end at it or below; none without leases
* I7  the evictable and protected pages counted are those there are; I8 every unlocked leaf can be evicted
* I9  edges are non-empty, siblings differ in their first page, parents and children agree
* I15 shared pages <= committed tokens <= pages of the row
* I16 namespaces share no node; I19 the page table is -1 wherever nobody has a page
* I20 pages are fenced only while a step is in flight; I21 no node was used later than its parent
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sgl.kvcache.lease import Lease
from sgl.kvcache.node import Node
from sgl.kvcache.pages import PageAllocator, PageArray
from sgl.kvcache.radix import RadixTree
from sgl.kvcache.rows import PageRows


def compare_counts(pages: PageAllocator, rows: PageRows, tree: RadixTree, leases: Sequence[Lease]) -> list[str]:
    """I1, I2 and I6 by counts: O(pages) bytes compared at C speed, O(leases) in Python."""
    problems = pages.check()
    own = sum(rows.count(lease.row) - lease.shared for lease in leases)
    total = pages.free_count + pages.fenced_count + tree.size + own
    if total != pages.num_pages:
        problems.append(
            f"I1: {pages.free_count} free + {pages.fenced_count} fenced + {tree.size} cached + {own} owned pages "
            f"are {total}, not {pages.num_pages}"
        )
    if rows.taken_count != len(leases):
        problems.append(f"I19: {rows.taken_count} rows are taken by {len(leases)} leases")
    if not leases and tree.protected:
        problems.append(f"I6: {tree.protected} pages are locked although no lease is open")
    return problems


def recompute(pages: PageAllocator, rows: PageRows, tree: RadixTree, leases: Sequence[Lease]) -> list[str]:
    """All invariants, recomputed from scratch."""
    problems = compare_counts(pages, rows, tree, leases) + rows.check() + tree.check()
    problems += _check_partition(pages, rows, tree, leases)
    problems += _check_locks(tree, leases)
    problems += _check_reservations(pages, rows, leases)
    for lease in leases:
        problems += _check_lease(rows, lease)
    return problems


def _check_partition(pages: PageAllocator, rows: PageRows, tree: RadixTree, leases: Sequence[Lease]) -> list[str]:
    """I1, I3, I5: every page but the padding page is in exactly one place."""
    places = {
        "free": [pages.free_pages()],
        "fenced": [pages.fenced_pages()],
        "cached": [node.pages for node in tree.nodes()],
        "owned": [rows.pages(lease.row, lease.shared, rows.count(lease.row)) for lease in leases],
    }
    holders = Counter(page for arrays in places.values() for array in arrays for page in array.tolist())
    problems = []
    for page in range(pages.num_pages + 1):
        if holders[page] != (page != 0):
            where = [name for name, arrays in places.items() if any(page in array for array in arrays)]
            problems.append(f"I1: page {page} is in {holders[page]} places: {', '.join(where) or 'none'}")
    return problems


def _check_locks(tree: RadixTree, leases: Sequence[Lease]) -> list[str]:
    """I6: a node is locked once for every lease that ends at it or below it."""
    expected: Counter[int] = Counter()
    for lease in leases:
        for node in _path(lease):
            expected[node.serial] += 1
    return [
        f"I6: a node has {node.lock} locks, but {expected[node.serial]} leases pass through it"
        for node in tree.nodes()
        if node.lock != expected[node.serial]
    ]


def _check_reservations(pages: PageAllocator, rows: PageRows, leases: Sequence[Lease]) -> list[str]:
    """Every reserved page is behind the last page of a lease that grows."""
    ends = [rows.last_page(lease.row) for lease in leases if lease.growing]
    behind = sum(pages.reserved_behind(end) for end in ends if end is not None)
    if behind != pages.reserved_count:
        return [f"{pages.reserved_count} pages are reserved, {behind} of them behind a growing lease"]
    return []


def _check_lease(rows: PageRows, lease: Lease) -> list[str]:
    """I4, I15, I19 for one lease."""
    problems = []
    path = _path(lease)
    count = rows.count(lease.row)
    shared: PageArray = np.concatenate([node.pages for node in path])
    if not np.array_equal(shared, rows.pages(lease.row, 0, lease.shared)):
        problems.append(f"I4: row {lease.row} does not show the pages of its path in the tree")
    if not lease.shared * rows.page_size <= lease.committed <= count * rows.page_size:
        problems.append(
            f"I15: row {lease.row} has {lease.shared} shared and {count} pages for {lease.committed} tokens"
        )
    return problems


def _path(lease: Lease) -> list[Node]:
    """The lease's nodes from the root down."""
    path = []
    node = lease.node
    while node is not None:
        path.append(node)
        node = node.parent
    return path[::-1]

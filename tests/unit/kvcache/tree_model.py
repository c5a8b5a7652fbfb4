"""The radix tree as a dictionary: every cached page by the prefix it ends, and when it was used last."""

from __future__ import annotations

from collections.abc import Iterable

from sgl.kvcache.node import Node
from sgl.kvcache.radix import RadixTree

Prefix = tuple[str, tuple[int, ...]]
"""A namespace and the tokens from the beginning."""


class TreeModel:
    """What `RadixTree` should hold, without edges, splits, locks or heaps."""

    def __init__(self, page_size: int) -> None:
        self.page_size = page_size
        self.clock = 0
        self.accessed: dict[Prefix, int] = {}

    def pages_of(self, prefix: Prefix) -> list[Prefix]:
        """The whole pages of ``prefix``, each named by the prefix it ends, first to last."""
        namespace, ids = prefix
        return [(namespace, ids[:end]) for end in range(self.page_size, len(ids) + 1, self.page_size)]

    def pages(self) -> set[Prefix]:
        return {prefix for prefix in self.accessed if prefix[1]}

    def match(self, prefix: Prefix) -> int:
        """Tokens of the longest known prefix."""
        matched = 0
        for page in self.pages_of(prefix):
            if page not in self.accessed:
                break
            matched = len(page[1])
        return matched

    def touch(self, prefix: Prefix) -> None:
        self.clock += 1
        for page in [(prefix[0], ()), *self.pages_of(prefix)]:
            self.accessed[page] = self.clock

    def insert(self, prefix: Prefix) -> None:
        """New pages count as used with the page in front of them."""
        parent: Prefix = (prefix[0], ())
        for page in self.pages_of(prefix):
            self.accessed.setdefault(page, self.accessed[parent])
            parent = page

    def evict(self, evicted: set[Prefix], locked: set[Prefix]) -> None:
        """Judges an eviction (I8): nothing locked, and nothing used later than a leaf that stayed."""
        assert not evicted & locked
        remaining = self.pages() - evicted
        parents = {(namespace, ids[: -self.page_size]) for namespace, ids in remaining}
        leaves = remaining - locked - parents
        if evicted and leaves:
            assert max(self.accessed[page] for page in evicted) <= min(self.accessed[page] for page in leaves)
        for page in evicted:
            del self.accessed[page]


def pages_in(tree: RadixTree) -> dict[Prefix, int]:
    """Every page of a real tree by the prefix it ends."""
    found: dict[Prefix, int] = {}

    def visit(node: Node, before: tuple[int, ...]) -> None:
        ids = before + tuple(node.ids.tolist())
        for index, page in enumerate(node.pages.tolist(), start=1):
            found[node.namespace, ids[: len(before) + index * tree.page_size]] = page
        visit_all(node.children.values(), ids)

    def visit_all(nodes: Iterable[Node], before: tuple[int, ...]) -> None:
        for node in nodes:
            visit(node, before)

    visit_all((node for node in tree.nodes() if node.parent is None), ())
    return found

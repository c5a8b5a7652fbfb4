"""What one running request holds of the KV cache."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.kvcache.node import Node


@dataclass(slots=True, eq=False)
class Lease:
    """One row of the page table, its pages, and a lock on the cached prefix.

    The pages at indices [0, ``shared``) of the row are those of the tree along the path to ``node`` (I4);
    the pages behind are the lease's own. Read it freely; only `PrefixCache` changes it.

    Attributes:
        row: Row of the page table; -1 after release.
        node: Last node of the tree the lease uses, locked; None after release.
        shared: Leading pages of the row that belong to the tree.
        cached_tokens: Tokens that were found in the tree when the lease was opened.
        committed: Tokens whose KV is known to be computed.
        growing: Whether the row's last page was handed out to this lease, so that the soft reservation
            behind that page is this lease's as well.
    """

    row: int
    node: Node | None
    shared: int
    cached_tokens: int
    committed: int
    growing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the lease holds anything; False for good after release."""
        return self.node is not None

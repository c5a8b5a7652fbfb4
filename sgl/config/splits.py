"""Into how many parts decode attention cuts long sequences on a GPU. The memory plan counts their results by it.

Numbers of a grid depend on the batch size and on constants alone: a captured step serves sequences of every length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MOST_ROWS: Final = 64
"""Query heads that one program takes of a KV head's group."""
PROGRAMS: Final = 4
"""Parts are made until there is this much work for each multiprocessor, where sequences are long enough."""
MOST_SPLITS: Final = 128
FEWEST_SPLITS: Final = 4
"""For large batches: one sequence may be much longer than the others."""

LATENT_PROGRAMS: Final = 2
"""A program of 64 heads fills a multiprocessor; a second one is there when the first waits."""
MOST_LATENT_SPLITS: Final = 64
FEWEST_LATENT_SPLITS: Final = 2

SPARE_ROWS: Final = 1024
"""Splits of deterministic mode whose results are kept until all of a sequence are put together: of a million tokens.
Where a batch has more, programs put together several before they keep anything, which takes them longer."""

Splits = Callable[[int, int, int], int]
"""Of the batch size, programs that a sequence has for each split, and multiprocessors."""


def latent_rows(heads: int, *, coded: bool) -> int:
    """Heads that one program of latent attention takes, fewer where vectors are codes, which take its registers."""
    return 16 if heads <= 16 or coded else 32


def head_blocks(group: int) -> int:
    """Programs that the query heads of one KV head take."""
    return -(-group // MOST_ROWS)


def decode_splits(batch: int, blocks: int, multiprocessors: int) -> int:
    """Most splits of each sequence.

    Args:
        blocks: Programs that a sequence has for each split: its KV heads, and more where a group fills several.
    """
    wanted = -(-PROGRAMS * multiprocessors // (batch * blocks))
    return min(MOST_SPLITS, max(FEWEST_SPLITS, wanted))


def latent_splits(batch: int, blocks: int, multiprocessors: int) -> int:
    """The same of latent attention, whose blocks are tiles of heads."""
    wanted = -(-LATENT_PROGRAMS * multiprocessors // (batch * blocks))
    # Twice the even share, for sequences that are longer than others; partial results take the memory of it.
    return max(FEWEST_LATENT_SPLITS, min(MOST_LATENT_SPLITS, 2 * wanted))


def fixed_parts(batch: int, blocks: int, multiprocessors: int) -> int:
    """Programs that share the splits of each sequence in deterministic mode, where splits have one size."""
    return decode_splits(batch, blocks, multiprocessors)


def split_rows(splits: Splits, largest_batch: int, blocks: int, multiprocessors: int) -> int:
    """Most splits of a batch of up to so many sequences: rows that a workspace has for each query head."""
    return max(batch * splits(batch, blocks, multiprocessors) for batch in range(1, largest_batch + 1))


def fixed_rows(largest_batch: int) -> int:
    """The same in deterministic mode."""
    return largest_batch + SPARE_ROWS

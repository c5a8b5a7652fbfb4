"""The parts in which a step's latent attention is computed on a GPU: sequences next to each other, of one way.

Cut by the lengths on the host, so nothing of them is copied to the device: a part is slices of what lies there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sgl.batch.paged import HostLayout
from sgl.config.latent_room import LatentRoom


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a step.

    Attributes:
        sequences: Whose rows they are.
        rows: Of the step.
        expanded: Whether their keys and values are expanded; absorbed otherwise.
        context: Tokens of the sequences, or as many as they have rows where that is more: padding is told none.
        longest: Most rows of one sequence.
        behind: Rows of the last sequence that other parts compute.
    """

    sequences: slice
    rows: slice
    expanded: bool
    context: int
    longest: int
    behind: int = 0

    @property
    def count(self) -> int:
        """Rows."""
        return int(self.rows.stop - self.rows.start)

    def joined(self, other: Part) -> Part:
        """Both, where ``other`` begins with the next sequence."""
        return replace(
            self,
            sequences=slice(self.sequences.start, other.sequences.stop),
            rows=slice(self.rows.start, other.rows.stop),
            context=self.context + other.context,
            longest=max(self.longest, other.longest),
        )


def cut_parts(host: HostLayout, first: int, room: LatentRoom, *, expands: bool) -> list[Part]:
    """Cuts what is behind the first sequences of a step.

    Args:
        first: Sequences that are left out, of one row each.
        expands: Whether anything is expanded.
    """
    parts: list[Part] = []
    for piece in _pieces(host, first, room, expands):
        if parts and _fit_together(parts[-1], piece, room):
            parts[-1] = parts[-1].joined(piece)
        else:
            parts.append(piece)
    return parts


def _pieces(host: HostLayout, first: int, room: LatentRoom, expands: bool) -> Iterator[Part]:
    """Every sequence by itself, those that are absorbed in as many pieces as there is room for the rows of."""
    begin = first
    contexts = np.maximum(host.seq_lens, host.counts)
    for number, (count, context) in enumerate(
        zip(host.counts[first:].tolist(), contexts[first:].tolist(), strict=True), first
    ):
        own, end = slice(number, number + 1), begin + count
        if expands and room.expands(count, context):
            yield Part(own, slice(begin, end), True, context, count)
        else:
            for at in range(begin, end, room.rows):
                stop = min(at + room.rows, end)
                yield Part(own, slice(at, stop), False, context, stop - at, end - stop)
        begin = end


def _fit_together(last: Part, piece: Part, room: LatentRoom) -> bool:
    if last.expanded != piece.expanded or last.behind or piece.behind:
        return False
    if piece.expanded:
        return room.heads_at_once(last.context + piece.context) == room.heads
    return last.count + piece.count <= room.rows

"""How many tokens an answer has, and how many came with each of its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..record import Record


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one answer.

    Attributes:
        total: Tokens of the answer: the server's usage, else its last running count, else one per chunk.
        estimated: Whether `total` was counted in chunks because the server does not count.
        per_chunk: Whole tokens of each chunk.
        split: Whether `per_chunk` is an even split of the total over the chunks, and not the server's own count. One
            token to each of as many chunks does not count as one.
    """

    total: int
    estimated: bool
    per_chunk: tuple[int, ...]
    split: bool

    @property
    def unseen(self) -> int:
        """Tokens that no chunk carried, such as an end token without text; they are there at the answer's end."""
        return self.total - sum(self.per_chunk)


def count_tokens(record: Record) -> TokenCount:
    """The tokens of one answer, as exactly as is known."""
    chunks = len(record.chunks)
    running = _running_counts(record)
    if record.output_tokens is not None:
        total, estimated = record.output_tokens, False
    elif running:
        total, estimated = running[-1], False
    else:
        total, estimated = chunks, True
    if not chunks:
        return TokenCount(total, estimated, (), False)
    if running:
        return TokenCount(total, estimated, _differences(running), False)
    ends = tuple(-(-number * total // chunks) for number in range(1, chunks + 1))
    return TokenCount(total, estimated, _differences(ends), estimated or total != chunks)


def _running_counts(record: Record) -> Sequence[int]:
    """The server's count after each chunk; empty when it sends none, or none that can be true."""
    counts = record.chunk_tokens
    if not counts or len(counts) != len(record.chunks) or min(_differences(counts)) < 0:
        return ()
    return counts if record.output_tokens is None or counts[-1] <= record.output_tokens else ()


def _differences(ends: Sequence[int]) -> tuple[int, ...]:
    return tuple(end - start for start, end in zip((0, *ends), ends, strict=False))

"""`Latency`: the times of one answered request, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ..record import Record
from .tokens import TokenCount, count_tokens


@dataclass(frozen=True, slots=True)
class Latency:
    """One request that was answered; a failed one has no latency.

    Attributes:
        record: Where it comes from.
        tokens: Tokens of its answer.
        ttft: From the first byte sent to the first chunk; None for an answer without any.
        e2el: From the first byte sent to the end.
        tpot: (e2el - ttft) / (tokens - 1); None with fewer than two tokens.
        ntpot: e2el / tokens; None without tokens.
        send_delay: How much later than scheduled it was sent; None in a closed loop.
    """

    record: Record
    tokens: TokenCount
    ttft: float | None
    e2el: float
    tpot: float | None
    ntpot: float | None
    send_delay: float | None

    @property
    def user_tok_s(self) -> float | None:
        """Tokens per second that one user sees once the answer runs; None where `tpot` is None or 0."""
        return 1 / self.tpot if self.tpot else None

    @property
    def ttft_scheduled(self) -> float | None:
        """TTFT from when it should have been sent: a client that had to wait cannot hide it."""
        return None if self.ttft is None or self.send_delay is None else self.ttft + self.send_delay

    @property
    def e2el_scheduled(self) -> float | None:
        """E2EL from when it should have been sent."""
        return None if self.send_delay is None else self.e2el + self.send_delay

    def chunk_gaps(self) -> list[float]:
        """Seconds between each two chunks that follow one another."""
        chunks = self.record.chunks
        return [end - start for start, end in pairwise(chunks)]

    def token_gaps(self) -> Iterator[tuple[float, int]]:
        """(seconds per token, tokens) of each chunk after the first that has any.

        A chunk without a token, such as half of a character, waits for the next one that has some: the gaps of both
        belong to that one's tokens.
        """
        last = self.record.chunks[0] if self.record.chunks else 0.0
        for came, tokens in zip(self.record.chunks[1:], self.tokens.per_chunk[1:], strict=True):
            if tokens:
                yield (came - last) / tokens, tokens
                last = came


def latency_of(record: Record) -> Latency:
    """The times of a request that did not fail."""
    tokens = count_tokens(record)
    e2el = record.ended - record.sent
    ttft = record.chunks[0] - record.sent if record.chunks else None
    return Latency(
        record,
        tokens,
        ttft,
        e2el,
        (e2el - ttft) / (tokens.total - 1) if ttft is not None and tokens.total > 1 else None,
        e2el / tokens.total if tokens.total else None,
        None if record.scheduled is None else record.sent - record.scheduled,
    )

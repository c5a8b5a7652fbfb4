"""`Batch`: one step's work as plain data, and `StepResult`: what came of it.

Nothing here touches a device. A step is one ragged batch: each `Entry` computes ``count`` tokens of one
request from position ``start``, whether that is a prompt, a chunk of one, or the last drawn token. A step may be
launched while the one before it is still drawing that token; then only the device knows it (`Entry.future`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sgl.batch.request import Request
from sgl.kvcache.lease import Lease
from sgl.protocol.messages import TokenLogprob


@dataclass(frozen=True, slots=True)
class Entry:
    """Compute tokens ``[start, start + count)`` of ``request``; draw the next token when ``draws``.

    ``lease`` is the request's, which holds pages up to ``start + count`` tokens. ``drafts`` are guesses that
    follow the request's tokens and are part of ``count``; one token is drawn after each of them, too.
    ``logprobs_from`` is the first position in the entry whose logits score the *following* prompt token
    (prompt logprobs), or None. ``ahead`` is how many tokens of the request steps in flight are drawing at the time of
    the launch, 0 or 1: the request's `SampleRow` is that many tokens behind, so the token drawn by this entry has
    the position ``sample_row.position + ahead`` and ``sample_row.generated + ahead`` tokens of output before it.
    """

    request: Request
    lease: Lease
    start: int
    count: int
    draws: bool
    logprobs_from: int | None = None
    drafts: tuple[int, ...] = ()
    ahead: int = 0

    @property
    def future(self) -> bool:
        """Whether the host does not know the one token to compute: the step before draws it, and the runner finds
        it on the device, where it was written for the row ``lease.row``."""
        return self.ahead > 0

    @property
    def live(self) -> bool:
        """Whether the result is still wanted: since the launch the request was neither ended nor retracted."""
        return self.request.lease is self.lease

    @property
    def draw_count(self) -> int:
        """Tokens drawn: one, and one after each draft."""
        return 1 + len(self.drafts) if self.draws else 0

    @property
    def stop(self) -> int:
        """Position after the last computed token."""
        return self.start + self.count


@dataclass(frozen=True, slots=True)
class Batch:
    """The entries of one step, decodes first; never empty."""

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if not self.entries:
            raise ValueError("a batch has at least one entry")

    @property
    def tokens(self) -> int:
        """Tokens computed by the step."""
        return sum(entry.count for entry in self.entries)

    @property
    def decode_only(self) -> bool:
        """Whether every entry computes exactly one token (the CUDA-graph case)."""
        return all(entry.count == 1 for entry in self.entries)

    def settled(self) -> Batch | None:
        """The entries that are still wanted, once every step before this one was applied and its tokens are known."""
        entries = tuple(replace(entry, ahead=0) if entry.ahead else entry for entry in self.entries if entry.live)
        return Batch(entries) if entries else None

    def halves(self) -> tuple[Batch, Batch]:
        """Splits a batch of two entries or more, to isolate one that fails."""
        middle = len(self.entries) // 2
        return Batch(self.entries[:middle]), Batch(self.entries[middle:])


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn token.

    Attributes:
        token: Its id.
        finite: False when the logits held NaN or infinity; then ``token`` means nothing.
        logprob: Its log probability, when asked for.
    """

    token: int
    finite: bool = True
    logprob: TokenLogprob | None = None


@dataclass(frozen=True, slots=True)
class EntryResult:
    """What one entry produced.

    Attributes:
        drawn: ``entry.draw_count`` tokens, after the last known token and after each draft.
        prompt_logprobs: Of the prompt tokens the entry scored, when asked for.
    """

    drawn: tuple[Drawn, ...] = ()
    prompt_logprobs: list[TokenLogprob] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One `EntryResult` per entry, in order."""

    results: tuple[EntryResult, ...]

"""`Arrivals`: notes when each token of each answer came, and makes records of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sgl.runtime.generation import Generation

from ..prompt import Prompt
from ..record import Failure, FailureKind, Record

INTERRUPTED = "interrupted"
"""What an aborted answer says when the run was cut short."""


class Arrivals:
    """Hears from the engine's client; set it as the client's observer before requests are submitted.

    Attributes:
        tokens: Tokens that came so far, of all answers.
        ended: Answers that have ended.
        last: When the last one ended, on `time.monotonic`'s clock.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self.ended_count = 0
        self.last = 0.0
        self._times: dict[str, list[float]] = {}
        self._totals: dict[str, list[int]] = {}

    def advanced(self, generation: Generation, tokens: int) -> None:
        """Tokens came."""
        self.tokens += tokens
        self._times.setdefault(generation.id, []).append(time.monotonic())
        self._totals.setdefault(generation.id, []).append(generation.completion_tokens)

    def ended(self, generation: Generation) -> None:
        """An answer is over."""
        self.ended_count += 1
        self.last = time.monotonic()

    def records(self, prompts: Sequence[Prompt], generations: Sequence[Generation], start: float) -> list[Record]:
        """One record per answer; all have ended.

        Args:
            prompts: What was asked.
            generations: The answers, in the same order.
            start: Time 0 of the records, on `time.monotonic`'s clock.
        """
        return [self._record(prompt, one, start) for prompt, one in zip(prompts, generations, strict=True)]

    def _record(self, prompt: Prompt, one: Generation, start: float) -> Record:
        ended = self.last if one.ended_at is None else one.ended_at
        timings = one.timings
        names = ("queue", "prefill", "decode")
        server = {} if timings is None else {f"{name}_ms": getattr(timings, name) * 1e3 for name in names}
        return Record(
            index=prompt.index,
            sent=one.created_at - start,
            ended=ended - start,
            chunks=tuple(at - start for at in self._times.get(one.id, ())),
            chunk_tokens=tuple(self._totals.get(one.id, ())),
            input_tokens=one.prompt_tokens,
            output_tokens=one.completion_tokens,
            cached_tokens=one.cached_tokens,
            asked_tokens=prompt.output_tokens,
            finish_reason="" if one.finish is None else one.finish.kind,
            failure=_failure(one),
            server=server,
        )


def _failure(one: Generation) -> Failure | None:
    kind: FailureKind
    if one.error is not None:
        kind, status, message = "stream", one.error.http_status, one.error.message
    elif one.finish is not None and one.finish.kind == "abort":
        kind, status, message = "cut", 0, one.finish.message or INTERRUPTED
    else:
        return None
    return Failure(kind, status, " ".join(message.split()))

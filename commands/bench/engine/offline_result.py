"""`OfflineResult`: what an offline run was and came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..run import Run


@dataclass(frozen=True)
class Workload:
    """What was asked.

    Attributes:
        name: Of the dataset.
        seed: Of its draws, and of the answers'.
        scale: Part of the lengths that was used; 1 is the whole workload.
        published: Whether it is exactly the workload of published figures.
        sha256: Of all prompts and lengths, as the load test has it.
        prompts: How many.
        temperature: Of the draws, 0 is greedy; None when prompts have their own ones.
        ignore_eos: Whether an end token ends no answer.
        notes: What a reader of the figures must know about it.
    """

    name: str
    seed: int
    scale: float
    published: bool
    sha256: str
    prompts: int
    temperature: float | None
    ignore_eos: bool
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "notes"}


@dataclass(frozen=True)
class OfflineResult:
    """One offline run. Warm-up and loading are in none of its rates.

    Attributes:
        model: As it was named.
        workload: What was asked.
        run: Every answer, with the times of its tokens; ``duration`` is the time that the rates divide by.
        engine: What the engine turned out to be: its resolved settings and sizes.
        load_seconds: From the start of the engine process to its readiness.
        retractions: How often a request was set back for lack of KV pages.
        version: Of sgl.
    """

    model: str
    workload: Workload
    run: Run
    engine: Mapping[str, Any]
    load_seconds: float
    retractions: int = 0
    version: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def input_tokens(self) -> int:
        """Tokens of the prompts that were computed: those whose answers have begun."""
        return sum(record.input_tokens or 0 for record in self.run.records if record.output_tokens)

    @property
    def output_tokens(self) -> int:
        """Tokens that were generated, those of unfinished answers too: the engine computed them in the time."""
        return sum(record.output_tokens or 0 for record in self.run.records)

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompts that came from the prefix cache."""
        return sum(record.cached_tokens or 0 for record in self.run.records)

    @property
    def failed(self) -> int:
        """Answers that ended with an error."""
        return sum(record.failure is not None for record in self.run.records) - self.unfinished

    @property
    def unfinished(self) -> int:
        """Answers that were under way, or had not begun, when the run was cut short."""
        return sum(record.failure is not None and record.failure.kind == "cut" for record in self.run.records)

    @property
    def answered(self) -> int:
        """Answers that came to their end."""
        return sum(record.failure is None for record in self.run.records)

    @property
    def output_rate(self) -> float:
        """Output tokens per second."""
        return self.output_tokens / self.run.duration

    @property
    def total_rate(self) -> float:
        """Input and output tokens per second."""
        return (self.input_tokens + self.output_tokens) / self.run.duration

    @property
    def request_rate(self) -> float:
        """Answers per second."""
        return self.answered / self.run.duration

    def to_json(self, *, requests: bool = False) -> dict[str, Any]:
        """Plain values; rates are per second, times in seconds.

        Args:
            requests: Whether to add every record.
        """
        run = self.run
        document: dict[str, Any] = {
            "kind": "offline",
            "sgl_version": self.version,
            "started": run.started,
            "partial": run.partial,
            "model": self.model,
            "dataset": self.workload.to_json(),
            "engine": dict(self.engine),
            "summary": {
                "duration_s": run.duration,
                "load_s": self.load_seconds,
                "requests": len(run.records),
                "answered": self.answered,
                "failed": self.failed,
                "unfinished": self.unfinished,
                "input_tokens": self.input_tokens,
                "output_tokens": self.output_tokens,
                "cached_tokens": self.cached_tokens,
                "out_tok_s": self.output_rate,
                "total_tok_s": self.total_rate,
                "req_s": self.request_rate,
                "retractions": self.retractions,
            },
            "notes": [*self.workload.notes, *self.notes],
        }
        if requests:
            document["requests"] = [record.to_json() for record in run.records]
        return document

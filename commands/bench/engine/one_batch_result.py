"""`OneBatchResult`: what steps of fixed batches cost, and how near that is to what the machine can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sgl._version import __version__

from .machine import Machine
from .spread import Spread


@dataclass(frozen=True)
class BatchResult:
    """One batch size. Rates are per second.

    Attributes:
        batch: Requests at once.
        prefill: Time until every request has its first token, over the rounds.
        prefill_steps: Steps that this took.
        prefill_rate: Prompt tokens per second, at the median.
        prefill_share: Of the machine's measured floating-point rate.
        decode: Times of single decode steps, over all rounds; None when answers are one token long.
        decode_rate: Tokens per second of all requests together, at the median.
        decode_share: Of the machine's measured memory bandwidth.
        decode_bytes: Read per decode step, at the middle of the answers.
        prefill_parts: Seconds of each part of the prefill, watched apart; empty when nobody asked.
        decode_parts: Seconds of each part of one decode step, the mean of a few watched ones.
    """

    batch: int
    prefill: Spread
    prefill_steps: int
    prefill_rate: float
    prefill_share: float
    decode: Spread | None
    decode_rate: float
    decode_share: float
    decode_bytes: int
    prefill_parts: Mapping[str, float]
    decode_parts: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "batch": self.batch,
            "prefill": self.prefill.to_json(),
            "prefill_steps": self.prefill_steps,
            "prefill_tok_s": self.prefill_rate,
            "prefill_flop_share": self.prefill_share,
            "decode_step": None if self.decode is None else self.decode.to_json(),
            "decode_tok_s": self.decode_rate,
            "decode_bandwidth_share": self.decode_share,
            "decode_step_bytes": self.decode_bytes,
            "prefill_parts_s": dict(self.prefill_parts),
            "decode_parts_s": dict(self.decode_parts),
        }


@dataclass(frozen=True)
class OneBatchResult:
    """All batch sizes of one engine on one machine.

    Attributes:
        model: As it was named.
        started: Seconds since 1970.
        input_len: Tokens of a prompt.
        output_len: Tokens of an answer.
        seed: Of the prompts.
        engine: Resolved settings and sizes.
        machine: What it can do at best.
        batches: One result each.
        partial: Whether it was cut short.
        version: Of sgl.
    """

    model: str
    started: float
    input_len: int
    output_len: int
    seed: int
    engine: Mapping[str, Any]
    machine: Machine
    batches: tuple[BatchResult, ...]
    partial: bool = False
    version: str = __version__

    def to_json(self) -> dict[str, Any]:
        """Plain values; times are in seconds, rates per second, shares 0 to 1."""
        return {
            "kind": "one-batch",
            "sgl_version": self.version,
            "started": self.started,
            "partial": self.partial,
            "model": self.model,
            "config": {"input_len": self.input_len, "output_len": self.output_len, "seed": self.seed},
            "engine": dict(self.engine),
            "machine": self.machine.to_json(),
            "batches": [one.to_json() for one in self.batches],
        }

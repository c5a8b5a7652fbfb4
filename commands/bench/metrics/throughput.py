"""Requests and tokens per second over a whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .latency import Latency


@dataclass(frozen=True, slots=True)
class Throughput:
    """Work per second of the run's duration. Only answered requests count.

    Attributes:
        req_s: Requests.
        out_tok_s: Tokens of answers.
        in_tok_s: Tokens of prompts; None when a prompt's length is not known.
        total_tok_s: Both; None when one is not known.
        output_tokens: Tokens of all answers.
        input_tokens: Tokens of all prompts; None when one's length is not known.
    """

    req_s: float
    out_tok_s: float
    in_tok_s: float | None
    total_tok_s: float | None
    output_tokens: int
    input_tokens: int | None


def throughput(answered: Sequence[Latency], duration: float) -> Throughput:
    """Over ``duration`` seconds; all 0 in a run that took no time."""
    lengths = [latency.record.input_tokens for latency in answered]
    known = [length for length in lengths if length is not None]
    inputs = sum(known) if len(known) == len(lengths) else None
    outputs = sum(latency.tokens.total for latency in answered)
    per_second = 1 / duration if duration > 0 else 0.0
    return Throughput(
        req_s=len(answered) * per_second,
        out_tok_s=outputs * per_second,
        in_tok_s=None if inputs is None else inputs * per_second,
        total_tok_s=None if inputs is None else (inputs + outputs) * per_second,
        output_tokens=outputs,
        input_tokens=inputs,
    )


def tokens_between(answered: Sequence[Latency], start: float, end: float) -> float:
    """Output tokens of the chunks that came between ``start`` and ``end``, both included.

    Where only an answer's total is known, each of its chunks is taken to carry the same share of it, which need not
    be whole.
    """
    total = 0.0
    for latency in answered:
        chunks, tokens = latency.record.chunks, latency.tokens
        if tokens.split:
            total += tokens.total * sum(1 for came in chunks if start <= came <= end) / len(chunks)
            continue
        total += sum(count for came, count in zip(chunks, tokens.per_chunk, strict=True) if start <= came <= end)
        total += tokens.unseen if start <= latency.record.ended <= end else 0
    return total

"""What vLLM's and SGLang's benchmarks mean by their figures, in our own words, with numpy, over our records.

Both take requests that succeeded, and milliseconds. vLLM, and SGLang with an OpenAI server, call the undivided gap
between two chunks ITL; SGLang with its own protocol divides it by the new tokens and repeats it for each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sgl_cli.bench.record import Record


def times_of(name: str, records: Sequence[Record]) -> list[float]:
    """``ttft``, ``e2el`` or ``tpot`` of each request, in milliseconds."""
    found = []
    for record in records:
        if record.failure is not None:
            continue
        latency, ttft = record.ended - record.sent, record.chunks[0] - record.sent
        if name == "ttft":
            found.append(1000 * ttft)
        elif name == "e2el":
            found.append(1000 * latency)
        elif record.output_tokens is not None and record.output_tokens > 1:
            found.append(1000 * (latency - ttft) / (record.output_tokens - 1))
    return found


def undivided_gaps(records: Sequence[Record]) -> list[float]:
    """ITL of vLLM, and of SGLang's clients of OpenAI servers."""
    return [1000 * gap for record in records if record.failure is None for gap in np.diff(record.chunks)]


def gaps_of_new_tokens(records: Sequence[Record]) -> list[float]:
    """ITL of SGLang's client of its own protocol."""
    found: list[float] = []
    for record in records:
        if record.failure is None:
            last, seen = record.chunks[0], record.chunk_tokens[0]
            for came, tokens in zip(record.chunks[1:], record.chunk_tokens[1:], strict=True):
                if tokens > seen:
                    found += [1000 * (came - last) / (tokens - seen)] * (tokens - seen)
                    last, seen = came, tokens
    return found


def vllm_goodput(records: Sequence[Record], ttft: float, tpot: float, duration: float) -> float:
    """Requests per second that keep to both limits (ms); a single token has a TPOT of 0."""
    good = 0
    for record in records:
        if record.failure is None and record.output_tokens is not None:
            latency, first = record.ended - record.sent, record.chunks[0] - record.sent
            each = (latency - first) / (record.output_tokens - 1) if record.output_tokens > 1 else 0.0
            good += 1000 * first <= ttft and 1000 * each <= tpot
    return good / duration


def steady_throughput(records: Sequence[Record], ratio: float) -> tuple[float, float, float]:
    """SGLang's steady state: (begin, length, output tok/s). An answer's tokens lie evenly on its chunks."""
    chosen = [record for record in records if record.failure is None]
    moments = np.unique([moment for record in chosen for moment in (record.sent, record.ended)])
    starts = np.sort([record.sent for record in chosen])
    ends = np.sort([record.ended for record in chosen])
    active = np.searchsorted(starts, moments[:-1], "right") - np.searchsorted(ends, moments[:-1], "right")
    enough = active >= max(1, int(np.ceil(active.max() * ratio)))
    best = (0.0, -1.0)
    begin = None
    for number, good in enumerate([*enough, False]):
        if good and begin is None:
            begin = moments[number]
        elif not good and begin is not None:
            best = max(best, (float(begin), float(moments[number] - begin)), key=lambda span: span[1])
            begin = None
    tokens = 0.0
    for record in chosen:
        inside = [best[0] <= came <= best[0] + best[1] for came in record.chunks]
        tokens += (record.output_tokens or 0) * sum(inside) / len(inside)
    return best[0], best[1], tokens / best[1]

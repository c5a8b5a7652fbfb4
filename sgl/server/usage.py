"""OpenAI's token counts of one answer, and where its time went."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sgl.runtime.generation import Generation


class Usage(msgspec.Struct, frozen=True):
    """OpenAI's token counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]


def usage_of(generations: Sequence[Generation], choices: int) -> Usage:
    """Counts so far; of the ``choices`` generations that share a prompt, the first stands for the prompt."""
    prompt = sum(generation.prompt_tokens for generation in generations[::choices])
    cached = sum(generation.cached_tokens for generation in generations[::choices])
    completion = sum(generation.completion_tokens for generation in generations)
    return Usage(prompt, completion, prompt + completion, {"cached_tokens": cached})


class Timings(msgspec.Struct, frozen=True):
    """Milliseconds; a field beside ``usage`` that OpenAI does not have, and its clients pass over.

    The names are llama.cpp's, which has no queue.

    Attributes:
        queue_ms: Waiting for its turn.
        prompt_ms: From then to the first token.
        predicted_ms: From then to the end.
    """

    queue_ms: float
    prompt_ms: float
    predicted_ms: float


def timings_of(generations: Sequence[Generation]) -> Timings | None:
    """Of several generations, which run side by side, the longest times; None unless the engine ended all of them.

    One that a stop string ends is cut on this side, before the engine says how it went.
    """
    spent = [generation.timings for generation in generations if generation.timings is not None]
    if not spent or len(spent) < len(generations):
        return None
    longest = (
        max(each.queue for each in spent),
        max(each.prefill for each in spent),
        max(each.decode for each in spent),
    )
    return Timings(*(round(1000 * seconds, 3) for seconds in longest))

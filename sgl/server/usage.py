"""OpenAI's token counts of one answer."""

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

"""The offline workload that engines publish figures for: 256 random prompts, lengths and answers of 100 to 1,024."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

PROMPTS: Final = 256
SHORTEST: Final = 100
LONGEST: Final = 1024
LARGEST_ID: Final = 10_000
TEMPERATURE: Final = 0.6
INPUT_TOKENS: Final = 142_827
OUTPUT_TOKENS: Final = 133_966


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt, and how many tokens are to be generated."""

    ids: tuple[int, ...]
    output: int


def offline() -> list[Asked]:
    """Always the same, in the order of draws of the public script (nano-vllm's bench.py, which mini-sglang took over).

    All ids come first, each prompt's length before them, then all lengths of answers.
    """
    randint = Random(0).randint
    ids = [tuple(randint(0, LARGEST_ID) for _ in range(randint(SHORTEST, LONGEST))) for _ in range(PROMPTS)]
    asked = [Asked(prompt, randint(SHORTEST, LONGEST)) for prompt in ids]
    found = sum(len(each.ids) for each in asked), sum(each.output for each in asked)
    if found != (INPUT_TOKENS, OUTPUT_TOKENS):
        raise AssertionError(f"{found} tokens, not the {INPUT_TOKENS, OUTPUT_TOKENS} of the public workload")
    return asked


def shortened(asked: list[Asked], count: int, longest: int, vocabulary: int) -> list[Asked]:
    """The first few, cut: for a rehearsal."""
    return [
        Asked(tuple(token % vocabulary for token in each.ids[:longest]), min(each.output, longest))
        for each in asked[:count]
    ]

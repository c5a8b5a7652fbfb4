"""What is asked of an engine: scenarios, and prompts that are the same for all engines."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

SHARED_PREFIX: Final = 768


@dataclass(frozen=True, slots=True)
class Scenario:
    """Requests of one kind.

    Attributes:
        key: Its name in results.
        title: Its name in tables.
        requests: How many.
        concurrency: How many at a time.
        shortest, longest: Bounds of a prompt's own tokens; the requests are spread evenly between them.
        shared: Tokens that all prompts have in common, before their own.
        output: Tokens to generate.
    """

    key: str
    title: str
    requests: int
    concurrency: int
    shortest: int
    longest: int
    output: int
    shared: int = 0

    def lengths(self) -> list[int]:
        """Own prompt tokens of each request."""
        last = max(1, self.requests - 1)
        return [self.shortest + (self.longest - self.shortest) * index // last for index in range(self.requests)]

    def prompts(self, seed: int) -> list[str]:
        """Texts of ASCII letters, one token each; two seeds have no prefix in common worth caching."""
        draw = random.Random(f"{self.key} {seed}")
        prefix = _letters(draw, self.shared)
        return [prefix + _letters(draw, length) for length in self.lengths()]

    def shortened(self) -> Scenario:
        """The same with little output and few requests in a row: tries everything, measures nothing well."""
        return replace(self, title=f"{self.title}: only 8 out", requests=self.concurrency, output=8)


SINGLE: Final = Scenario("single", "1 at a time, 128-256 in, 64 out", 3, 1, 128, 256, 64)
BATCH: Final = Scenario("batch", "16 at once, 128-256 in, 64 out", 16, 16, 128, 256, 64)
SHARED: Final = Scenario("shared", "16 at once, 768 shared + 32 in, 32 out", 16, 16, 32, 32, 32, shared=SHARED_PREFIX)
TINY: Final = Scenario("tiny", "stories260k, 16 at once, 32 in, 256 out", 16, 16, 32, 32, 256)
WARM_UP: Final = Scenario("warm-up", "warm-up", 2, 2, 64, 64, 4)


def token_ids(prompt: str) -> list[int]:
    """The ids that the benchmark's tokenizer gives a prompt (see `benchmarks.model`)."""
    return list(prompt.encode("ascii"))


def _letters(draw: random.Random, count: int) -> str:
    letters: Sequence[str] = string.ascii_letters
    return "".join(draw.choices(letters, k=count))

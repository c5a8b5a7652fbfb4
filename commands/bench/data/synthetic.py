"""``random``: prompts that have nothing in common; ``public-256``: the ones that engines publish figures for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ..prompt import Prompt
from .dataset import Passes, made
from .draw import stream
from .filler import Filler, as_prompt
from .lengths import Lengths, fitted


@dataclass(frozen=True)
class RandomPrompts:
    """Prompts of random content and chosen lengths; it makes new ones without end."""

    seed: int
    input_len: Lengths
    output_len: Lengths
    filler: Filler
    context: int | None = None
    name: str = "random"
    repeats_after: None = None

    def describe(self) -> dict[str, Any]:
        """Lengths and content."""
        return {
            "input_len": str(self.input_len),
            "output_len": str(self.output_len),
            "content": self.filler.name,
            "context": self.context,
        }

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """See `Dataset.prompts`."""
        return made(self._prompt, count, start)

    def _prompt(self, index: int) -> Prompt:
        draw = stream(self.seed, "random", index)
        tokens, answer = fitted(self.input_len.draw(draw), self.output_len.draw(draw), self.context)
        return as_prompt([self.filler.piece(draw, tokens)], index=index, output_tokens=answer)


PUBLIC_PROMPTS: Final = 256
PUBLIC_INPUT_TOKENS: Final = 142_827
PUBLIC_OUTPUT_TOKENS: Final = 133_966
PUBLIC_VOCABULARY: Final = 10_001
"""Its ids go up to 10,000."""

_SHORTEST: Final = 100
_LONGEST: Final = 1024


class PublicPrompts:
    """The workload of the public nano-vllm and mini-sglang offline benchmark: always the same 256 prompts.

    The order of draws is that of its script: a prompt's length, then its ids, one prompt after the other, and all
    output lengths at the end, every number by ``randint`` after ``seed(0)``.
    """

    name: Final = "public-256"
    seed: Final = 0

    def __init__(self) -> None:
        self._passes = Passes(self.name, self._read)

    @property
    def repeats_after(self) -> int:
        """It has 256 prompts."""
        return PUBLIC_PROMPTS

    def describe(self) -> dict[str, Any]:
        """Its totals."""
        return {
            "prompts": PUBLIC_PROMPTS,
            "input_tokens": PUBLIC_INPUT_TOKENS,
            "output_tokens": PUBLIC_OUTPUT_TOKENS,
            "temperature": 0.6,
        }

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """See `Dataset.prompts`; after 256 it starts again."""
        return self._passes.prompts(count, start)

    def _read(self) -> Iterator[Prompt]:
        randint = Random(0).randint
        asked = [
            tuple(randint(0, PUBLIC_VOCABULARY - 1) for _ in range(randint(_SHORTEST, _LONGEST)))
            for _ in range(PUBLIC_PROMPTS)
        ]
        for index, ids in enumerate(asked):
            answer = randint(_SHORTEST, _LONGEST)
            yield Prompt(index, answer, ids=ids, input_tokens=len(ids), extra={"temperature": 0.6})

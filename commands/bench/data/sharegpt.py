"""``sharegpt``: questions that people asked, with lengths like those of the answers they got."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sgl.errors import UsageError

from ..prompt import Prompt
from .counting import Counter
from .dataset import Passes
from .draw import shuffled, stream
from .lengths import Lengths
from .reading import file_name, json_objects
from .rows import first_turns

SHORTEST: Final = 2
"""Tokens that a question and an answer must have, as in SGLang's bench (vLLM's leaves out below 4)."""


class ShareGpt:
    """The first two turns of conversations of a file, in an order drawn from the seed.

    The rules are those of SGLang's and vLLM's bench: a conversation with fewer than two turns is left out, the first
    turn is the prompt, and as many tokens are asked for as the second has.

    Tokens are counted by the server where it can; otherwise they are estimated, and `describe` says so.
    """

    name: Final = "sharegpt"

    def __init__(
        self,
        path: Path,
        counter: Counter,
        *,
        seed: int,
        output_len: Lengths | None = None,
        max_input_len: int | None = None,
        max_total_len: int | None = None,
        in_order: bool = False,
    ) -> None:
        """Takes the file's name; it is read when prompts are asked for.

        Args:
            path: A JSON array, or lines, of ``{"conversations": [{"value": ...}, ...]}``.
            counter: Counts tokens.
            seed: What the order starts from.
            output_len: Tokens to ask for; None is the length of the answer in the file.
            max_input_len: Longer prompts are left out.
            max_total_len: Prompts that are longer together with their answer are left out.
            in_order: Keep the file's order.
        """
        self.seed = seed
        self._path = path
        self._counter = counter
        self._output = output_len
        self._most_input = max_input_len
        self._most_total = max_total_len
        self._in_order = in_order
        self._pairs: list[tuple[str, str]] = []
        self._kept: dict[int, tuple[int, int] | None] = {}
        self._passes = Passes(file_name(path), self._read)

    @property
    def repeats_after(self) -> int | None:
        """How many fit; None before all of them were counted."""
        return self._passes.length

    def describe(self) -> dict[str, Any]:
        """File, limits, and who counted."""
        return {
            "source": file_name(self._path),
            "output_len": str(self._output) if self._output else "as in the file",
            "max_input_len": self._most_input,
            "max_total_len": self._most_total,
            "in_order": self._in_order,
            "tokens_estimated": not self._counter.exact,
        }

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """See `Dataset.prompts`; when all were asked it starts again, in the same order."""
        return self._passes.prompts(count, start)

    def _read(self) -> Iterator[Prompt]:
        if not self._pairs:
            self._pairs = self._load()
        index = 0
        for place, (question, _) in enumerate(self._pairs):
            if place not in self._kept:
                self._kept[place] = self._lengths(place)
            lengths = self._kept[place]
            if lengths is not None:
                yield Prompt(index, lengths[1], text=question, input_tokens=lengths[0])
                index += 1

    def _load(self) -> list[tuple[str, str]]:
        pairs = [pair for row in json_objects(self._path) if all(pair := first_turns(row))]
        if not pairs:
            raise UsageError(f"{file_name(self._path)} has no conversation with two turns")
        return pairs if self._in_order else shuffled(stream(self.seed, "sharegpt"), pairs)

    def _lengths(self, place: int) -> tuple[int, int] | None:
        """Tokens of question and answer; None when it is left out."""
        question, reply = self._pairs[place]
        tokens = self._counter.count(question)
        if tokens < SHORTEST or (self._most_input is not None and tokens > self._most_input):
            return None
        drawn = self._output.draw(stream(self.seed, "output", place)) if self._output else None
        answer = self._counter.count(reply) if drawn is None else drawn
        if answer < SHORTEST or (self._most_total is not None and tokens + answer > self._most_total):
            return None
        return tokens, answer

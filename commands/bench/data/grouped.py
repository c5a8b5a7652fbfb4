"""``shared-prefix``: prompts that begin alike, group by group, which is what a prefix cache is for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from ..prompt import Prompt
from .dataset import made
from .draw import shuffled, stream
from .filler import Filler, Piece, as_prompt
from .lengths import Lengths, fitted


@dataclass(frozen=True)
class SharedPrefix:
    """Groups of prompts with the same beginning; SGLang calls it generated-shared-prefix.

    A round asks every group `per_group` times; the next round goes on with new questions behind the same prefixes.

    Attributes:
        seed: What random numbers start from.
        groups: How many prefixes.
        per_group: Prompts (or conversations) of a group in a round.
        prefix_len: Tokens of a prefix, drawn once a group.
        question_len: Tokens behind the prefix, and of every later turn.
        output_len: Tokens to ask for.
        filler: What prompts are made of.
        turns: Questions of a conversation; 1 makes prompts that stand alone.
        zipf: Group k is asked as often as 1/k to this power; None asks all as often.
        in_order: Group after group, instead of mixed.
        context: Tokens that the server can take, prompt and answer together.
    """

    seed: int
    groups: int
    per_group: int
    prefix_len: Lengths
    question_len: Lengths
    output_len: Lengths
    filler: Filler
    turns: int = 1
    zipf: float | None = None
    in_order: bool = False
    context: int | None = None
    name: str = "shared-prefix"
    repeats_after: None = None

    def describe(self) -> dict[str, Any]:
        """Groups, lengths and content."""
        return {
            "groups": self.groups,
            "per_group": self.per_group,
            "prefix_len": str(self.prefix_len),
            "question_len": str(self.question_len),
            "output_len": str(self.output_len),
            "turns": self.turns,
            "zipf": self.zipf,
            "in_order": self.in_order,
            "content": self.filler.name,
            "context": self.context,
        }

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """See `Dataset.prompts`; the turns of a conversation follow each other."""
        rounds = _Rounds(self)
        prefixes: dict[int, Piece] = {}

        def prompt(index: int) -> Prompt:
            talk, turn = divmod(index, self.turns)
            draw = stream(self.seed, "question", talk, turn)
            tokens, answer = self.question_len.draw(draw), self.output_len.draw(draw)
            fields = {"conversation": talk, "turn": turn} if self.turns > 1 else {}
            if turn:
                pieces = [self.filler.piece(draw, tokens)]
            else:
                group = rounds.group_of(talk)
                length = self._prefix_tokens(group)
                if group not in prefixes:
                    prefixes[group] = self.filler.piece(stream(self.seed, "prefix", group), length)
                # The question gives way to the context, not the prefix: a shorter prefix would be no shared one.
                whole, answer = fitted(length + tokens, answer, self.context)
                pieces = [prefixes[group], self.filler.piece(draw, max(1, whole - length))]
            return as_prompt(pieces, index=index, output_tokens=answer, **fields)

        return made(prompt, count, start)

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Running sums of the groups' weights under `zipf`."""
        return tuple(accumulate((rank + 1) ** -(self.zipf or 0.0) for rank in range(self.groups)))

    def _prefix_tokens(self, group: int) -> int:
        return self.prefix_len.draw(stream(self.seed, "prefix length", group))


class _Rounds:
    """Which group each prompt belongs to; keeps the order of the latest round."""

    def __init__(self, data: SharedPrefix) -> None:
        self._data = data
        self._number = -1
        self._order: list[int] = []

    def group_of(self, talk: int) -> int:
        data = self._data
        if data.zipf is not None:
            chance = stream(data.seed, "group", talk).random() * data.shares[-1]
            return min(bisect_right(data.shares, chance), data.groups - 1)
        number, place = divmod(talk, data.groups * data.per_group)
        if data.in_order:
            return place // data.per_group
        if number != self._number:
            places = range(data.groups * data.per_group)
            self._order = shuffled(stream(data.seed, "order", number), places)
            self._number = number
        return self._order[place] // data.per_group

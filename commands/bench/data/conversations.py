"""``multi-turn``: conversations, each question asked after the answer to the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as counted
from itertools import islice
from typing import Any

from ..prompt import Prompt
from .draw import stream
from .filler import Filler, as_prompt
from .lengths import Lengths, fitted


@dataclass(frozen=True)
class Conversations:
    """Conversations of random content; it makes new ones without end.

    A prompt holds its own question only: what was said before it is known when it has been answered.

    Attributes:
        seed: What random numbers start from.
        turns: Questions of a conversation.
        first_len: Tokens of the first question.
        later_len: Tokens of the others.
        output_len: Tokens to ask for.
        filler: What questions are made of.
        context: Tokens that the server can take; a conversation ends before it would need more.
    """

    seed: int
    turns: Lengths
    first_len: Lengths
    later_len: Lengths
    output_len: Lengths
    filler: Filler
    context: int | None = None
    name: str = "multi-turn"
    repeats_after: None = None

    def describe(self) -> dict[str, Any]:
        """Turns, lengths and content."""
        return {
            "turns": str(self.turns),
            "first_len": str(self.first_len),
            "later_len": str(self.later_len),
            "output_len": str(self.output_len),
            "content": self.filler.name,
            "context": self.context,
        }

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """See `Dataset.prompts`; the turns of a conversation follow each other."""
        stop = None if count is None else start + count
        return islice(self._all(), start, stop)

    def _all(self) -> Iterator[Prompt]:
        index = 0
        for talk in counted():
            draw = stream(self.seed, "conversation", talk)
            used = 0
            for turn in range(self.turns.draw(draw)):
                lengths = self.later_len if turn else self.first_len
                tokens, answer = lengths.draw(draw), self.output_len.draw(draw)
                if turn and self.context is not None and used + tokens + answer > self.context:
                    break
                tokens, answer = fitted(tokens, answer, self.context)
                used += tokens + answer
                piece = self.filler.piece(draw, tokens)
                yield as_prompt([piece], index=index, output_tokens=answer, conversation=talk, turn=turn)
                index += 1

"""What synthetic prompts are made of: token ids where the API takes them, common words elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol, TypeAlias

from sgl.errors import UsageError

from ..prompt import Prompt
from .draw import several
from .words import WORDS

Piece: TypeAlias = "tuple[int, ...] | str"
"""Part of a prompt; all parts of one prompt are of one kind."""

LOWEST_ID: Final = 1000
"""Special tokens, bytes and punctuation sit at the start of most vocabularies: ids are drawn above them."""

HIGHEST_ID: Final = 30000
"""Below the end of every vocabulary in use, where further special tokens are."""


class Filler(Protocol):
    """Makes parts of prompts of a wanted length."""

    @property
    def name(self) -> str:
        """What the parts are, for the result file."""

    def piece(self, draw: Random, tokens: int) -> Piece:
        """A part of so many tokens."""


@dataclass(frozen=True)
class IdFiller:
    """Random token ids: every prompt has exactly the length it should have, and no tokenizer is needed."""

    ids: Sequence[int]

    @property
    def name(self) -> str:
        """Kind and range."""
        return f"token ids {self.ids[0]}-{self.ids[-1]}"

    def piece(self, draw: Random, tokens: int) -> tuple[int, ...]:
        """So many ids."""
        return tuple(several(draw, self.ids, tokens))


@dataclass(frozen=True)
class WordFiller:
    """Random common words. Only the server knows how many tokens they are; about one each.

    Attributes:
        tokens_per_word: What a sample of them came to (`calibrated`).
    """

    tokens_per_word: float = 1.0

    @property
    def name(self) -> str:
        """Kind."""
        return "words"

    def piece(self, draw: Random, tokens: int) -> str:
        """About so many tokens of text."""
        return " ".join(several(draw, WORDS, max(1, round(tokens / self.tokens_per_word))))


def safe_ids(vocabulary: int | None, special: Collection[int] = ()) -> Sequence[int]:
    """Ids that are plain text in nearly every vocabulary.

    Args:
        vocabulary: How many ids the model has; None when the server does not say.
        special: Ids that must not be drawn, such as the end of a text.

    Raises:
        UsageError: Nothing is left to draw from.
    """
    high = HIGHEST_ID if vocabulary is None else min(HIGHEST_ID, vocabulary)
    low = LOWEST_ID if high > 2 * LOWEST_ID else high // 4
    span = range(low, high)
    if not any(number in span for number in special):
        left: Sequence[int] = span
    else:
        left = [number for number in span if number not in special]
    if not left:
        raise UsageError(f"a vocabulary of {vocabulary} tokens is too small for random prompts")
    return left


def as_prompt(pieces: Sequence[Piece], *, index: int, output_tokens: int, **fields: Any) -> Prompt:
    """One prompt of its parts; how many tokens it has is known when they are ids."""
    if any(isinstance(piece, str) for piece in pieces):
        text = " ".join(str(piece) for piece in pieces)
        return Prompt(index, output_tokens, text=text, **fields)
    ids = tuple(number for piece in pieces if not isinstance(piece, str) for number in piece)
    return Prompt(index, output_tokens, ids=ids, input_tokens=len(ids), **fields)

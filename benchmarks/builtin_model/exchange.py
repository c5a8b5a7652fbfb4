"""What the corpus is made of: an `Exchange` is one question with its answer, a `Conversation` several of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

HELD_OUT_ONE_IN: Final = 16
"""Of so many combinations of a phrasing and an item, one is never trained on."""

Message = dict[str, Any]
Draw = Callable[[Random], "Exchange"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and the one right answer.

    Attributes:
        question: What the user says.
        answer: What the model says.
        key: The combination of phrasing and item, which decides on which side of the split the exchange is;
            empty for what has no items and is always trained on.
        short: The answer in a word or a number, where there is one.
        fields: The answer as a JSON object, where there is one.
    """

    question: str
    answer: str
    key: str = ""
    short: str | None = None
    fields: dict[str, Any] | None = None

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the test; the same in every run and on every machine."""
        return bool(self.key) and zlib.crc32(self.key.encode()) % HELD_OUT_ONE_IN == 0


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages as a client sends them, with the answers that the model is to give.

    Attributes:
        messages: ``role`` and ``content``; every ``assistant`` message is trained on.
        tools: Functions that the model may call, as in OpenAI's API.
    """

    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)


def draw_from(side_held_out: bool, draw: Draw, random: Random) -> Exchange:
    """Draws until the exchange is on the wanted side of the split."""
    while True:
        exchange = draw(random)
        if exchange.held_out == side_held_out:
            return exchange

"""`Scores`: the probabilities of one pane's answers, for as long as the program runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...client.events import ScoredToken
from ...session.reply import Reply
from ...store.messages import Message

ALTERNATIVES: Final = 5
"""How many are asked for with each token."""


class Scores:
    """The probabilities of one pane's answers. They are kept by no store: an answer of 1,000 tokens has 100 KB.

    Attributes:
        on: Whether answers are asked for with them, and shown as tokens.
    """

    def __init__(self) -> None:
        self.on = False
        self._of: dict[str, tuple[ScoredToken, ...]] = {}

    def of(self, message: Message | None) -> tuple[ScoredToken, ...]:
        """Those of an answer; none when nobody asked for them."""
        return () if message is None else self._of.get(message.hash, ())

    def keep(self, message: Message, reply: Reply, before: Sequence[ScoredToken]) -> None:
        """Keeps those of an answer that has just ended.

        Args:
            message: The answer as it is stored.
            reply: As it came.
            before: Those of the answer that it goes on with.
        """
        if reply.scores and (before or not reply.before):
            self._of[message.hash] = (*before, *reply.scores)

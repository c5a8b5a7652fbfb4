"""`PaneBase`: what the parts of a pane may ask of it. They know this; the pane knows them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from textual.containers import Vertical

from ...session.session import Session
from ...store.parts import ToolResult
from .scores import Scores
from .token_panel import TokenPanel
from .transcript import Transcript


class PaneBase(Vertical):
    """A pane as far as its parts use it.

    Attributes:
        session: Whom the conversation is with; None while no server is found.
        transcript: Its messages.
        scores: The probabilities of answers.
        alternatives: What could have stood in place of one token.
        tells_cached: Whether the next answer tells what of the prompt came from the cache: after a fork.
    """

    session: Session | None
    transcript: Transcript
    scores: Scores
    alternatives: TokenPanel
    tells_cached: bool

    @property
    @abstractmethod
    def streaming(self) -> bool:
        """Whether an answer comes."""

    @property
    @abstractmethod
    def plain(self) -> bool:
        """Whether colours cannot be told apart."""

    @abstractmethod
    async def give_results(self, results: Sequence[ToolResult]) -> None:
        """Answers the model's calls of tools."""

"""Turns the view of probabilities on and off, and remembers those of the answers of this run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual.geometry import Region

from ..client.events import ScoredToken
from ..client.failures import Refused
from ..session.reply import Reply
from ..store.messages import Message
from .logprobs_view import ScoresView
from .notices import tell

if TYPE_CHECKING:
    from .message_view import MessageView
    from .pane import ChatPane
    from .screen import ChatScreen

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


async def toggle_logprobs(screen: ChatScreen) -> None:
    """Ctrl+L."""
    on = not screen.pane.scores.on
    for pane in screen.panes:
        await _turn(pane, on)
    if on:
        tell(screen, "coming answers show probabilities: Alt+Up, then Left and Right")
    else:
        tell(screen, "answers are shown as text again")


async def turn_off_if_refused(pane: ChatPane, error: Exception | None) -> None:
    """A server that knows no probabilities would refuse every question from now on."""
    if pane.scores.on and isinstance(error, Refused) and "logprob" in error.said.lower():
        error.hint = "this server gives no probabilities, so they are off again; r asks without them"
        await _turn(pane, False)


async def show_token(pane: ChatPane, view: ScoresView, token: int) -> None:
    """Shows the alternatives of a token, and no other token as chosen."""
    for other in pane.query(ScoresView):
        if other is not view:
            other.release()
    pane.alternatives.show(view.scores[token], token, len(view.scores))


def leave_tokens(screen: ChatScreen) -> None:
    """No token is meant any more."""
    for pane in screen.panes:
        pane.alternatives.hide()
        for view in pane.query(ScoresView):
            view.release()


def move_token(pane: ChatPane, view: MessageView, step: int) -> None:
    """Goes to another token of a message and keeps it in sight."""
    tokens = view.tokens
    if tokens is None:
        if view.role == "assistant":
            tell(pane, "Ctrl+L shows the tokens of an answer and their probabilities")
        return
    tokens.move(step)
    if tokens.chosen is not None:
        transcript = pane.transcript
        y = tokens.region.y - transcript.region.y + transcript.scroll_offset.y + tokens.line_of(tokens.chosen)
        transcript.scroll_to_region(Region(0, y, 1, 1), animate=False, force=True)


async def _turn(pane: ChatPane, on: bool) -> None:
    pane.scores.on = on
    if pane.session is not None:
        pane.session.logprobs = ALTERNATIVES if on else 0
    pane.alternatives.hide()
    for view in pane.transcript.views:
        await view.show_scores(pane.scores.of(view.message) if on else None, plain=pane.plain)

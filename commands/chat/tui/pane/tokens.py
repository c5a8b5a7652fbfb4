"""The tokens of a pane's answers with their probabilities: shown or not, and which of them is meant."""

from __future__ import annotations

from textual.geometry import Region

from ...client.failures import Refused
from ..message.logprobs_view import ScoresView
from ..message.message_view import MessageView
from ..notices import tell
from .pane_base import PaneBase
from .scores import ALTERNATIVES


async def turn_scores(pane: PaneBase, on: bool) -> None:
    """Asks for probabilities from now on and shows answers as tokens, or neither."""
    pane.scores.on = on
    if pane.session is not None:
        pane.session.logprobs = ALTERNATIVES if on else 0
    pane.alternatives.hide()
    for view in pane.transcript.views:
        await view.show_scores(pane.scores.of(view.message) if on else None, plain=pane.plain)


async def turn_off_if_refused(pane: PaneBase, error: Exception | None) -> None:
    """A server that knows no probabilities would refuse every question from now on."""
    if pane.scores.on and isinstance(error, Refused) and "logprob" in error.said.lower():
        error.hint = "this server gives no probabilities, so they are off again; r asks without them"
        await turn_scores(pane, False)


async def show_token(pane: PaneBase, view: ScoresView, token: int) -> None:
    """Shows the alternatives of a token, and no other token as chosen."""
    for other in pane.query(ScoresView):
        if other is not view:
            other.release()
    pane.alternatives.show(view.scores[token], token, len(view.scores))


def move_token(pane: PaneBase, view: MessageView, step: int) -> None:
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

"""Turns the view of probabilities on and off."""

from __future__ import annotations

from .desk import Desk
from .message.logprobs_view import ScoresView
from .notices import tell
from .pane.tokens import turn_scores


async def toggle_logprobs(screen: Desk) -> None:
    """Ctrl+L."""
    on = not screen.pane.scores.on
    for pane in screen.panes:
        await turn_scores(pane, on)
    if on:
        tell(screen, "coming answers show probabilities: Alt+Up, then Left and Right")
    else:
        tell(screen, "answers are shown as text again")


def leave_tokens(screen: Desk) -> None:
    """No token is meant any more."""
    for pane in screen.panes:
        pane.alternatives.hide()
        for view in pane.query(ScoresView):
            view.release()

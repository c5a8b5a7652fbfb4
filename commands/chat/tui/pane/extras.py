"""What an answer brings besides its text: probabilities, fields for results of tools, what a fork has spared."""

from __future__ import annotations

from collections.abc import Sequence

from ...client.events import ScoredToken
from ..message.message_view import MessageView
from ..notices import tell
from .pane_base import PaneBase
from .tool_results import ask_for_results


async def show_extras(pane: PaneBase, live: MessageView, before: Sequence[ScoredToken]) -> None:
    """Shows it when an answer has ended.

    Args:
        pane: Where.
        live: The view of the answer.
        before: Probabilities of the answer that this one goes on with.
    """
    reply = pane.session.reply if pane.session else None
    message = pane.session.message if pane.session else None
    if reply is not None and message is not None:
        pane.scores.keep(message, reply, before)
        if pane.scores.on and live.is_attached:
            await live.show_scores(pane.scores.of(message), plain=pane.plain)
    await ask_for_results(pane, take_focus=True)
    usage = reply.usage if reply else None
    if usage is not None:
        if pane.tells_cached and usage.cached_tokens is not None:
            tell(pane, f"fork: {usage.cached_tokens} of {usage.input_tokens} prompt tokens came from the cache")
        pane.tells_cached = False

"""Results of the tools that an answer calls, typed by the person: nothing in the chat runs a tool."""

from __future__ import annotations

from ..composer import Composer
from ..message.message_view import MessageView
from ..message.tool_card import ResultField, ToolCard
from ..notices import tell
from .pane_base import PaneBase


async def ask_for_results(pane: PaneBase, *, take_focus: bool) -> None:
    """Asks for results below the calls of the last message, and nowhere else.

    Args:
        pane: Where.
        take_focus: Whether the first field takes the focus, unless something is typed already.
    """
    views = pane.transcript.views
    for view in views[:-1]:
        for card in view.query(ToolCard):
            await card.stop_asking()
    cards = _cards(views[-1]) if views and views[-1].role == "assistant" else []
    for card in cards:
        await card.ask()
    if cards and take_focus and _is_idle(pane):
        _focus(cards[0])


async def answer_call(pane: PaneBase, view: MessageView) -> None:
    """Gives the results to the model when every call has one, else goes to the next call without."""
    if pane.streaming:
        tell(pane, "the answer is still coming; Esc stops it")
        return
    cards = _cards(view)
    results = [card.result for card in cards]
    given = [result for result in results if result is not None]
    if len(given) == len(results):
        await pane.give_results(given)
        return
    _focus(next(card for card, result in zip(cards, results, strict=True) if result is None))
    if given:
        tell(pane, f"{len(given)} of {len(results)} results: the model gets them together")
    else:
        tell(pane, "type what the function returns first; null, if nothing")


def _cards(view: MessageView) -> list[ToolCard]:
    return [card for card in view.query(ToolCard) if card.is_call]


def _is_idle(pane: PaneBase) -> bool:
    focused = pane.screen.focused
    return focused is None or (isinstance(focused, Composer) and not focused.text)


def _focus(card: ToolCard) -> None:
    fields = card.query(ResultField)
    if fields:
        fields.first().focus()

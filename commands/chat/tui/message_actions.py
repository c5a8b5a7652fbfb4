"""What the keys on a message do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from ..store.messages import Message
from .message_view import MessageView
from .pane import ChatPane

if TYPE_CHECKING:
    from .screen import ChatScreen

Action = Callable[["ChatScreen", ChatPane, MessageView, Message], Awaitable[None]]


async def act(screen: ChatScreen, view: MessageView, what: str) -> None:
    """Does what a key asks for; nothing while the answer comes, or before the message is stored.

    Args:
        screen: Where.
        view: On which message.
        what: The word of the row in `keys.MESSAGE`.
    """
    pane = screen.pane_of(view)
    if view.message is None or pane.streaming:
        return
    await _ACTIONS[what](screen, pane, view, view.message)


async def _edit(screen: ChatScreen, pane: ChatPane, view: MessageView, message: Message) -> None:
    screen.edit(view)


async def _regenerate(screen: ChatScreen, pane: ChatPane, view: MessageView, message: Message) -> None:
    await pane.regenerate(message)


async def _continue(screen: ChatScreen, pane: ChatPane, view: MessageView, message: Message) -> None:
    await pane.resume(message)


async def _fold(screen: ChatScreen, pane: ChatPane, view: MessageView, message: Message) -> None:
    if view.thoughts is not None:
        view.thoughts.folded = not view.thoughts.folded


_ACTIONS: Final[Mapping[str, Action]] = {
    "edit": _edit,
    "regenerate": _regenerate,
    "continue": _continue,
    "fold": _fold,
}

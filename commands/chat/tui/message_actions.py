"""What the keys on a message do."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sgl.errors import SglError

from ..store.messages import Message
from ..store.parts import Text, ToolCall, ToolResult
from ..text.fences import code_blocks
from .copying import copy_text
from .desk import Desk
from .message.message_view import MessageView
from .notices import tell, tell_error
from .pane.pane import ChatPane
from .pane.tokens import move_token

Action = Callable[[Desk, ChatPane, MessageView, Message], Awaitable[None]]

TWICE_SECONDS: Final = 3.0
"""Delete twice within this time deletes."""

NO_SERVER: Final = "there is no server to ask yet"


async def act(screen: Desk, view: MessageView, what: str) -> None:
    """Does what a key asks for, or tells why that cannot be.

    Args:
        screen: Where.
        view: On which message.
        what: The word of the row in `keys.MESSAGE`.
    """
    pane, message = screen.pane_of(view), view.message
    if what in _LOOKS:
        await _LOOKS[what](screen, pane, view)
    elif pane.streaming or message is None:
        tell(screen, "the answer is still coming; Esc stops it" if pane.streaming else "this message is not kept yet")
    elif what in _ASKING and pane.session is None:
        tell(screen, NO_SERVER, "warning")
    else:
        try:
            await _CHANGES[what](screen, pane, view, message)
        except SglError as error:
            tell_error(screen, error)


def why_not_continued(message: Message) -> str:
    """Why there is nothing to go on with in a message; empty when there is."""
    if message.role != "assistant":
        return "only an answer can be gone on with"
    if any(isinstance(part, ToolCall) for part in message.parts):
        return "an answer that calls tools cannot be gone on with; r answers once more"
    if not message.text or not isinstance(message.parts[-1], Text):
        return "there is no text yet to go on with; r answers once more"
    if message.finish_reason == "stop":
        return "this answer is complete; r gives another one, e changes it"
    return ""


# What changes the conversation, or asks for something.


async def _edit(screen: Desk, pane: ChatPane, view: MessageView, message: Message) -> None:
    if message.role == "tool":
        tell(screen, "a tool's result stays as it was given; r asks once more")
    elif message.role == "user" and pane.session is None:
        tell(screen, NO_SERVER, "warning")
    else:
        screen.edit(pane, message)


async def _regenerate(screen: Desk, pane: ChatPane, view: MessageView, message: Message) -> None:
    await pane.regenerate(message)


async def _continue(screen: Desk, pane: ChatPane, view: MessageView, message: Message) -> None:
    reason = why_not_continued(message)
    if reason:
        tell(screen, reason)
        return
    await pane.resume(message)


async def _fork(screen: Desk, pane: ChatPane, view: MessageView, message: Message) -> None:
    fork = screen.setup.store.threads.fork(pane.thread_id, message.hash)
    await pane.show_thread(fork.id)
    pane.tells_cached = True
    count = len(pane.path)
    shared = f"{count} messages are shared" if count > 1 else "1 message is shared"
    tell(screen, f"forked: {shared}; the server has their prefix cached")
    screen.composer.focus()


async def _delete(screen: Desk, pane: ChatPane, view: MessageView, message: Message) -> None:
    now = time.monotonic()
    if view.delete_asked is None or now - view.delete_asked > TWICE_SECONDS:
        view.delete_asked = now
        below = _count_below(pane, message)
        what = "this message" + (f" and {below} below it" if below else "")
        tell(screen, f"Delete once more deletes {what}", "warning", TWICE_SECONDS)
        return
    messages = pane.store.messages
    messages.remove(pane.thread_id, message.hash)
    others = messages.children(pane.thread_id, message.parent_hash)
    if others:  # The other branches are still there: one of them is shown, not their beginning.
        pane.store.threads.move(pane.thread_id, messages.leaf(pane.thread_id, others[-1]))
    await pane.show_thread(pane.thread_id)
    views = pane.transcript.views
    (views[-1] if views else screen.composer).focus()


async def _older(screen: Desk, pane: ChatPane, view: MessageView, message: Message) -> None:
    await _step(screen, pane, view, message, -1)


async def _newer(screen: Desk, pane: ChatPane, view: MessageView, message: Message) -> None:
    await _step(screen, pane, view, message, 1)


async def _step(screen: Desk, pane: ChatPane, view: MessageView, message: Message, step: int) -> None:
    """Shows another branch, with its message where the old one stood."""
    siblings = pane.store.messages.siblings(pane.thread_id, message.hash)
    target = siblings.previous if step < 0 else siblings.next
    if target is None:
        only = "there is only one branch here; e or r makes another"
        tell(screen, f"this is the {'first' if step < 0 else 'last'} branch" if len(siblings.hashes) > 1 else only)
        return
    line = view.region.y - pane.transcript.region.y
    pane.store.threads.move(pane.thread_id, pane.store.messages.leaf(pane.thread_id, target))
    await pane.show_thread(pane.thread_id)
    found = await pane.transcript.reveal(target)
    if found is not None:
        found.focus(scroll_visible=False)
        pane.transcript.call_after_refresh(_put_at, pane, found, line)


def _put_at(pane: ChatPane, view: MessageView, line: int) -> None:
    transcript = pane.transcript
    y = view.region.y - transcript.region.y + transcript.scroll_offset.y
    transcript.scroll_to(y=y - line, animate=False, force=True)


def _count_below(pane: ChatPane, message: Message) -> int:
    below = {message.hash}
    for each in pane.store.messages.tree(pane.thread_id):  # Parents come before their children.
        if each.parent_hash in below:
            below.add(each.hash)
    return len(below) - 1


# What only looks: it works while an answer comes, too.


async def _copy(screen: Desk, pane: ChatPane, view: MessageView) -> None:
    text = _text_of(view)
    blocks = code_blocks(text)
    copy_text(screen, blocks[-1].content if blocks else text)


async def _copy_all(screen: Desk, pane: ChatPane, view: MessageView) -> None:
    copy_text(screen, _text_of(view))


async def _fold(screen: Desk, pane: ChatPane, view: MessageView) -> None:
    if view.thoughts is not None:
        view.thoughts.folded = not view.thoughts.folded
    for card in view.cards:
        card.fold()


async def _token_before(screen: Desk, pane: ChatPane, view: MessageView) -> None:
    move_token(pane, view, -1)


async def _token_after(screen: Desk, pane: ChatPane, view: MessageView) -> None:
    move_token(pane, view, 1)


async def _help(screen: Desk, pane: ChatPane, view: MessageView) -> None:
    await screen.run_action("help")


def _text_of(view: MessageView) -> str:
    """What is copied of a message; of one without text what its tools were given and said."""
    if view.message is None:
        return view.text
    outputs = [part.output for part in view.message.parts if isinstance(part, ToolResult)]
    calls = [f"{part.name}({part.arguments})" for part in view.message.parts if isinstance(part, ToolCall)]
    return view.message.text or "\n".join([*outputs, *calls])


_CHANGES: Final[Mapping[str, Action]] = {
    "edit": _edit,
    "regenerate": _regenerate,
    "continue": _continue,
    "fork": _fork,
    "delete": _delete,
    "older": _older,
    "newer": _newer,
}

_ASKING: Final = frozenset({"regenerate", "continue"})
"""Those that need a server."""

_LOOKS: Final[Mapping[str, Callable[[Desk, ChatPane, MessageView], Awaitable[None]]]] = {
    "copy": _copy,
    "copy_all": _copy_all,
    "fold": _fold,
    "token_before": _token_before,
    "token_after": _token_after,
    "help": _help,
}

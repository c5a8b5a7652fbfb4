"""Commands about the conversation: new, answered once more, gone on with, taken back, forked, named."""

from __future__ import annotations

from typing import Final

from textual.widgets import Input

from sgl.errors import UsageError

from ...store.messages import Message, Role
from ...text.oneline import fit, one_line
from ..desk import Desk
from ..notices import tell
from ..pane.pane import ChatPane
from ..panels.branches_screen import BranchesScreen
from .command import Choice, Command
from .settings import changed, session_of

_LONGEST: Final = 60


async def _new(screen: Desk, text: str) -> None:
    await screen.action_new_chat()


async def _retry(screen: Desk, text: str) -> None:
    for pane in screen.panes:
        _last(pane, "user", "there is nothing to answer yet")
        session_of(pane)
    for pane in screen.panes:
        await pane.retry()


async def _edit(screen: Desk, text: str) -> None:
    pane = screen.pane
    asked = _last(pane, "user", "there is no question to edit yet")
    await pane.transcript.reveal(asked.hash)
    screen.edit(pane, asked)


async def _continue(screen: Desk, text: str) -> None:
    session_of(screen.pane)
    await screen.pane.resume(_last(screen.pane, "assistant", "there is no answer to go on with yet"))


async def _undo(screen: Desk, text: str) -> None:
    asked = [(pane, _last(pane, "user", "there is nothing to take back")) for pane in screen.panes]
    for pane, message in asked:
        screen.setup.store.threads.move(pane.thread_id, message.parent_hash)
        await pane.show_thread(pane.thread_id)
    tell(screen, f"taken back: {fit(one_line(asked[0][1].text), _LONGEST)}\n/branches finds it again")


async def _fork(screen: Desk, text: str) -> None:
    pane, threads = screen.pane, screen.setup.store.threads
    old = threads.get(pane.thread_id)
    if old.tip_hash is None:
        raise UsageError("there is nothing to fork yet")
    shared = len(pane.path)
    await pane.show_thread(threads.fork(old.id).id)
    tell(screen, f"forked: {shared} messages are shared; the first chat is in the list of chats (Ctrl+B)")


async def _branches(screen: Desk, text: str) -> None:
    pane, store = screen.pane, screen.setup.store
    chosen = await screen.app.push_screen_wait(BranchesScreen(store, pane.thread_id, screen.setup.marks))
    if chosen is not None:
        store.threads.move(pane.thread_id, chosen)
        await pane.show_thread(pane.thread_id)


async def _sessions(screen: Desk, text: str) -> None:
    panel = screen.panels.sessions
    if not (text and panel.display):  # A search in the open list leaves it open.
        await screen.action_toggle_sessions()
    if text:
        panel.query_one("#sessions-search", Input).value = text


async def _rename(screen: Desk, text: str) -> None:
    title = screen.setup.store.threads.rename(screen.pane.thread_id, text).title
    changed(screen.pane)
    tell(screen, f"this chat is called {title} now")


def _complete_title(screen: Desk, text: str) -> list[Choice]:
    title = screen.setup.store.threads.get(screen.pane.thread_id).title
    return [] if text or not title else [Choice(title, help="the title now")]


async def _tag(screen: Desk, text: str) -> None:
    threads, pane = screen.setup.store.threads, screen.pane
    if text:
        threads.tag(pane.thread_id, [] if text == "off" else text.replace(",", " ").split())
        changed(pane)
    tags = threads.get(pane.thread_id).tags
    words = ", ".join(tags)
    tell(screen, f"labels of this chat: {words}" if tags else "this chat has no labels\n/tag WORD gives it one")


def _complete_tag(screen: Desk, text: str) -> list[Choice]:
    before, blank, last = text.rpartition(" ")
    known = screen.setup.store.threads.tags()
    return [Choice(f"{before}{blank}{tag}", tag) for tag in known if tag.startswith(last) and " " not in tag]


def _last(pane: ChatPane, role: Role, otherwise: str) -> Message:
    """The last message of a role on the branch that is shown.

    Raises:
        UsageError: There is none; it says ``otherwise``.
    """
    for message in reversed(pane.path):
        if message.role == role:
            return message
    raise UsageError(otherwise)


COMMANDS: Final = (
    Command("/new", "/new", "Begin a new chat; the old one is kept.", _new, aliases=("/clear",), waits=True),
    Command("/retry", "/retry", "Answer the last question once more.", _retry, aliases=("/regenerate",), waits=True),
    Command("/edit", "/edit", "Change the last question and ask it again.", _edit, waits=True),
    Command("/continue", "/continue", "Go on with an answer that was cut off.", _continue, waits=True),
    Command("/undo", "/undo", "Take the last question and its answer back.", _undo, waits=True),
    Command("/fork", "/fork", "Go on in a copy of this chat.", _fork, waits=True),
    Command("/branches", "/branches", "Show all branches of this chat.", _branches, waits=True),
    Command("/sessions", "/sessions [WORDS]", "List or search all chats.", _sessions, aliases=("/chats",)),
    Command("/rename", "/rename TITLE", "Give this chat another title.", _rename, _complete_title),
    Command("/tag", "/tag [LABEL ...|off]", "Show or set the labels of this chat.", _tag, _complete_tag),
)

"""`SessionsPanel`: every chat, found by its title or by any word that was said in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from sgl.errors import SglError

from ...store.chat_store import ChatStore
from ...store.search import Hit
from ...store.threads import Summary, Thread
from ...text.oneline import fit, one_line
from ...transfer.export import Format
from ..chat_file import write_chat
from ..key_names import key_names
from ..keys import SESSION_ROW
from ..look import Marks
from ..notices import tell, tell_error
from .ask_screen import AskScreen
from .entry_line import EntryLine
from .format_screen import FormatScreen
from .session_rows import SessionRows

PAGE: Final = 50
"""Conversations that are read together."""

TITLES: Final = 20
"""Conversations that a search shows by their titles; the messages that were found come below them."""

TYPING_SECONDS: Final = 0.12
"""A search begins when nothing was typed for so long."""


@dataclass(frozen=True)
class Wanted:
    """What the list shows.

    Attributes:
        words: They stand in the title, or in a message.
        archived: The archived chats instead of the others.
        offset: Rows before the first.
        limit: Most conversations.
    """

    words: str = ""
    archived: bool = False
    offset: int = 0
    limit: int = PAGE


class SessionsPanel(Vertical):
    """Reads in a thread: it opens at once, however many chats there are.

    Empty until it is opened for the first time: the first frame of the screen does not wait for it.
    """

    class Opened(Message):
        """Somebody wants to see a conversation.

        Attributes:
            thread_id: Which.
            message_hash: The message to go to; None for the end.
            words: What to mark in it.
        """

        def __init__(self, thread_id: str, message_hash: str | None = None, words: Sequence[str] = ()) -> None:
            super().__init__()
            self.thread_id = thread_id
            self.message_hash = message_hash
            self.words = tuple(words)

    class Deleted(Message):
        """Somebody wants a conversation gone, and has said yes."""

        def __init__(self, thread_id: str) -> None:
            super().__init__()
            self.thread_id = thread_id

    class Renamed(Message):
        """A conversation has another title."""

    class Loaded(Message):
        """What a thread has read."""

        def __init__(self, wanted: Wanted, chats: Sequence[Summary], hits: Sequence[Hit], error: str = "") -> None:
            super().__init__()
            self.wanted = wanted
            self.chats = chats
            self.hits = hits
            self.error = error

    def __init__(
        self, store: ChatStore, marks: Marks, keymap: Mapping[str, str], shown: Callable[[], Sequence[str]]
    ) -> None:
        """
        Args:
            store: Where conversations are kept.
            marks: Signs.
            keymap: The person's keys.
            shown: Ids of the conversations that are on the screen.
        """
        super().__init__(id="sessions", classes="panel")
        self._store = store
        self._shown = shown
        self._search = Input(placeholder="Search chats", id="sessions-search")
        self._rows = SessionRows(marks)
        self._line = EntryLine()
        keys = [f"{key_names(row, keymap)} {row.text.lower()}" for row in SESSION_ROW if not row.label]
        self._help = Static(Content("  ".join(keys)), classes="panel-keys")
        self._wanted = Wanted()
        self._seen = Wanted()  # What the rows are that are shown.
        self._read_rows = 0
        self._more = False
        self._told = False
        self._soon: Timer | None = None

    def _parts(self) -> Iterator[Widget]:
        """Search, chats, keys."""
        yield Static("Chats", classes="panel-title", id="sessions-title")
        yield self._search
        yield self._rows
        yield self._line
        yield self._help

    async def open(self) -> None:
        """Shows itself with what is stored now."""
        if not self.children:
            await self.mount_all(self._parts())
        self.display = True
        self._rows.focus()
        self.reload()

    def reload(self) -> None:
        """Reads once more."""
        words, archived = self._wanted.words, self._wanted.archived
        fresh = self._fresh(words, archived)
        self._want(fresh if words else replace(fresh, limit=max(PAGE, self._read_rows)))

    def step_back(self) -> bool:
        """Leaves the line in which something is typed, or the search; returns whether there was one."""
        if self._line.is_open:
            self._line.cancel()
            return True
        if self._search.value:
            self._search.value = ""
            self._rows.focus()
            return True
        return False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Searches, a moment later."""
        event.stop()
        if self._soon is not None:
            self._soon.stop()
        self._soon = self.set_timer(TYPING_SECONDS, self._search_now)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Goes to what was found."""
        event.stop()
        self._rows.focus()

    def key_down(self) -> None:
        """From the search to the list."""
        if self._search.has_focus:
            self._rows.focus()

    def on_session_rows_near_end(self, event: SessionRows.NearEnd) -> None:
        """Reads the next rows."""
        event.stop()
        if self._more:
            self._more = False
            self._want(Wanted(self._wanted.words, self._wanted.archived, self._read_rows))

    def on_sessions_panel_loaded(self, event: Loaded) -> None:
        """Shows what was read, unless something else is wanted by now."""
        event.stop()
        wanted = event.wanted
        if wanted != self._wanted:
            return
        if event.error:
            tell(self, event.error, "error")
            return
        # A chat in which nothing was said yet is no chat: each start makes one.
        chats = [each for each in event.chats if each.thread.tip_hash is not None]
        if wanted.offset:
            self._rows.extend(chats, shown=self._shown(), now=time.time())
        else:
            nothing = "no archived chats" if wanted.archived else "no chats yet"
            empty = "nothing found" if wanted.words else nothing
            same = (wanted.words, wanted.archived) == (self._seen.words, self._seen.archived)
            self._rows.fill(chats, event.hits, shown=self._shown(), empty=empty, now=time.time(), stay=same)
        self._seen = wanted
        self._read_rows = wanted.offset + len(event.chats)
        self._more = len(event.chats) == wanted.limit and not wanted.words
        if wanted.words and self._store.search.notice and not self._told:
            self._told = True
            tell(self, self._store.search.notice)

    def on_session_rows_chosen(self, event: SessionRows.Chosen) -> None:
        """A key was pressed on a row."""
        event.stop()
        row = self._rows.row
        if event.what == "search":
            self._search.focus()
        elif event.what == "archived":
            self._turn_archived()
        elif isinstance(row, Hit):
            if event.what == "open":
                words = [row.snippet[start:end] for start, end in row.marks]
                self.post_message(self.Opened(row.thread_id, row.message_hash, words))
        elif row is not None:
            self._act(event.what, row)

    def _act(self, what: str, row: Summary) -> None:
        thread, threads = row.thread, self._store.threads
        match what:
            case "open":
                self.post_message(self.Opened(thread.id))
            case "rename":
                self._ask("Title", thread.title, lambda text: self._rename(thread, text))
            case "pin":
                self._change(lambda: threads.pin(thread.id, not thread.pinned))
            case "archive":
                self._change(lambda: threads.archive(thread.id, not thread.archived))
                tell(self, "back among the chats" if thread.archived else "archived; A shows the archived chats")
            case "tag":
                tags = ", ".join(thread.tags)
                self._ask("Tags, with commas", tags, lambda text: self._change(partial(self._tag, thread, text)))
            case "delete":
                title = fit(one_line(thread.title), 60) or "(no title)"
                messages = "1 message" if row.messages == 1 else f"{row.messages} messages"
                question = AskScreen(f"Delete the chat {title} with {messages}? It cannot be brought back.", "delete")
                self.app.push_screen(question, lambda yes: self._delete(thread) if yes else None)
            case "export":
                self.app.push_screen(FormatScreen(), partial(self._export, thread))

    def _ask(self, question: str, value: str, taken: Callable[[str], None]) -> None:
        self._line.ask(question, value, taken, self._focus_rows)

    def _focus_rows(self) -> None:
        self._rows.focus()

    def _rename(self, thread: Thread, text: str) -> None:
        if one_line(text):
            self._change(lambda: self._store.threads.rename(thread.id, text))
            self.post_message(self.Renamed())

    def _tag(self, thread: Thread, text: str) -> None:
        self._store.threads.tag(thread.id, text.replace("#", "").split(","))

    def _delete(self, thread: Thread) -> None:
        self.post_message(self.Deleted(thread.id))

    def _export(self, thread: Thread, format: str | None) -> None:
        if format is not None:
            write_chat(self, self._store, thread.id, cast(Format, format))

    def _change(self, change: Callable[[], object]) -> None:
        try:
            change()
        except SglError as error:  # Another process may have deleted it.
            tell_error(self, error)
        self.reload()

    def _turn_archived(self) -> None:
        self._want(self._fresh(self._wanted.words, not self._wanted.archived))
        self.query_one("#sessions-title", Static).update("Archived chats" if self._wanted.archived else "Chats")

    def _search_now(self) -> None:
        if self._search.value.strip() != self._wanted.words:
            self._want(self._fresh(self._search.value.strip(), self._wanted.archived))

    @staticmethod
    def _fresh(words: str, archived: bool) -> Wanted:
        return Wanted(words, archived, limit=TITLES if words else PAGE)

    def _want(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.run_worker(partial(self._read, wanted), thread=True, exclusive=True, group="read", exit_on_error=False)

    def _read(self, wanted: Wanted) -> None:
        """In a thread."""
        try:
            chats = self._store.threads.summaries(
                title=wanted.words,
                archived=wanted.archived,
                limit=wanted.limit,
                offset=wanted.offset,
            )
            hits = self._store.search.find(wanted.words) if wanted.words and not wanted.archived else []
        except SglError as error:
            self.post_message(self.Loaded(wanted, (), (), one_line(error.message)))
            return
        self.post_message(self.Loaded(wanted, chats, hits))

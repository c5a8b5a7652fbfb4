"""`Panels`: what opens beside the conversations: chats at the left, options at the right, the line to find words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from textual.containers import Horizontal
from textual.events import Resize

from ...store.database import Missing
from ..composer import Composer
from ..notices import tell, tell_error
from ..pane.pane import ChatPane
from ..setup import Setup
from .find_bar import FindBar
from .history_screen import HistoryScreen
from .options_panel import OptionsPanel
from .sessions_panel import SessionsPanel

WIDE: Final = 100
"""Columns from which on the panels stand beside the conversation. On fewer, one opens over it until a choice."""

Panel = SessionsPanel | OptionsPanel


class Panels(Horizontal):
    """Holds the conversations with the panels beside them, and does what is chosen in a panel.

    Attributes:
        sessions: Chats.
        options: System prompt and options of a chat.
        find: Finds words in a chat.
    """

    def __init__(self, setup: Setup, panes: Sequence[ChatPane], composer: Composer) -> None:
        super().__init__(id="main")
        self._store = setup.store
        self._panes = panes
        self._composer = composer
        keymap = setup.profile.keymap
        self.sessions = SessionsPanel(setup.store, setup.marks, keymap, lambda: [pane.thread_id for pane in panes])
        self.options = OptionsPanel(setup.store, setup.profile)
        self.find = FindBar(setup.marks)
        self._target = panes[0]  # Where a chat is opened.
        self._wide = True
        self._hidden: list[Panel] = []  # Open ones for which the screen has become too narrow.

    async def toggle_sessions(self) -> None:
        """Ctrl+B."""
        if not self._hide(self.sessions):
            self._target = self._meant
            self._make_room(self.options)
            await self.sessions.open()

    async def toggle_options(self) -> None:
        """Ctrl+O."""
        if not self._hide(self.options):
            self._make_room(self.sessions)
            await self.options.open(self._meant)

    async def open_find(self) -> None:
        """Ctrl+F."""
        self._make_room(self.sessions)
        self._make_room(self.options)
        await self.find.open(self._meant)

    def search_history(self) -> None:
        """Ctrl+R: what was typed before, into the composer."""

        def take(text: str | None) -> None:
            if text is not None:
                self._composer.put(text)
                self._composer.focus()

        self.app.push_screen(HistoryScreen(self._store, self._composer.text), take)

    async def open_chat(self, thread_id: str, message_hash: str | None, words: Sequence[str]) -> None:
        """Shows a conversation in the pane that is meant, at its end or at a message.

        Args:
            thread_id: The conversation.
            message_hash: A message of any of its branches; None for the end of the one it is at.
            words: What to mark in that message.
        """
        pane = self._target
        if any(other.thread_id == thread_id and other is not pane for other in self._panes):
            tell(self, "this chat is shown beside")
            return
        try:
            await self._show(pane, thread_id, message_hash)
        except Missing as error:
            tell_error(self, error)
            self.sessions.reload()
            return
        if not self._wide:
            self._hide(self.sessions)
        self._composer.focus()
        if message_hash is not None:
            view = await pane.transcript.reveal(message_hash)
            if view is not None:
                self.find.show_message(pane, view, words)

    async def delete_chat(self, thread_id: str) -> None:
        """Deletes a conversation; where it is shown, another one begins."""
        threads = self._store.threads
        try:
            for pane in self._panes:
                if pane.thread_id == thread_id:
                    old = threads.get(thread_id)
                    pane.leave()
                    await pane.show_thread(threads.new(system=old.system, settings=old.settings).id)
            threads.delete(thread_id)
        except Missing as error:
            tell_error(self, error)
        self.sessions.reload()

    def reload(self) -> None:
        """Something about a pane is different."""
        self.find.reload()
        if self.sessions.display:
            self.sessions.reload()
        if self.options.display:
            self.options.refresh_values()

    def on_resize(self, event: Resize) -> None:
        """Panels give way on a narrow screen, and come back on a wide one."""
        wide = event.size.width >= WIDE
        if wide == self._wide:
            return
        self._wide = wide
        if wide:
            for panel in self._hidden:
                panel.display = True
            self._hidden = []
            return
        self._hidden = [panel for panel in (self.sessions, self.options) if panel.display]
        for panel in self._hidden:
            self._hide(panel)

    def step_back(self) -> bool:
        """Esc, before anything else: leaves what has the focus; returns whether there was something to leave."""
        focused = self.screen.focused
        around = [] if focused is None else focused.ancestors_with_self
        if self.find.display:
            self.find.close()
            self._composer.focus()
            return True
        if self.sessions in around and self.sessions.step_back():
            return True
        panels: tuple[Panel, ...] = (self.sessions, self.options)
        return not self._wide and any(self._hide(panel) for panel in panels if panel in around)

    def step_out(self) -> None:
        """Esc, when there is nothing to leave: to the composer, and from there the panels close."""
        if self._composer.has_focus and not self._hide(self.options):
            self._hide(self.sessions)
        self._composer.focus()

    def on_sessions_panel_opened(self, event: SessionsPanel.Opened) -> None:
        """A chat was chosen."""
        event.stop()
        self._later(self.open_chat, event.thread_id, event.message_hash, event.words)

    def on_sessions_panel_deleted(self, event: SessionsPanel.Deleted) -> None:
        """A chat is to be deleted."""
        event.stop()
        self._later(self.delete_chat, event.thread_id)

    def on_sessions_panel_renamed(self, event: SessionsPanel.Renamed) -> None:
        """A chat, perhaps one that is shown, has another title."""
        event.stop()
        self._later(self._tell_changed)

    def _tell_changed(self) -> None:
        for pane in self._panes:
            pane.post_message(ChatPane.Changed(pane))

    def _later(self, call: Callable[..., object], *values: object) -> None:
        """Runs it as the screen's: a message that is posted on behalf of this widget would never get above it."""
        self.screen.call_later(call, *values)

    @property
    def _meant(self) -> ChatPane:
        """The pane with the focus, else the first: the screen's `pane`."""
        focused = self.screen.focused
        around = [] if focused is None else focused.ancestors_with_self
        return next((pane for pane in self._panes if pane in around), self._panes[0])

    def _make_room(self, panel: Panel) -> None:
        """On a narrow screen one panel hides the other."""
        if not self._wide:
            self._hide(panel)

    def _hide(self, panel: Panel) -> bool:
        if not panel.display:
            return False
        focused = self.screen.focused
        if focused is not None and panel in focused.ancestors_with_self:
            self._composer.focus()
        panel.display = False
        return True

    async def _show(self, pane: ChatPane, thread_id: str, message_hash: str | None) -> None:
        store = self._store
        thread, old = store.threads.get(thread_id), store.threads.get(pane.thread_id)
        if message_hash is not None:
            path = [message.hash for message in store.messages.path(thread.tip_hash)]
            if message_hash not in path:
                pane.leave()  # What comes is kept before the branch changes.
                store.threads.move(thread_id, store.messages.leaf(thread_id, message_hash))
        if thread_id != old.id or message_hash is not None or pane.streaming:
            await pane.show_thread(thread_id)
        if old.id != thread_id and store.threads.get(old.id).tip_hash is None:
            store.threads.delete(old.id)  # Nothing was said in it.

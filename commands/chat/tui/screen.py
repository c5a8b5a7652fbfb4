"""`ChatScreen`: the conversation of one model, or of two beside each other, with the composer and the panels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from sgl.errors import SglError

from ..images import read_image
from ..session.session import Session
from ..store.parts import Image, Part, Text
from ..text.oneline import one_line
from .composer import Composer
from .keys import SCREEN, bindings
from .link import Link
from .message_actions import act
from .message_view import MessageView
from .pane import ChatPane
from .setup import Setup
from .start_card import StartCard
from .thoughts import SHOWINGS

TWICE_SECONDS: Final = 2.0
"""Ctrl-C twice within this time quits."""

WIDE: Final = 100
"""Columns from which on the panels stand beside the conversation."""


class ChatScreen(Screen[None]):
    """Puts questions to every pane and keeps the panels.

    Attributes:
        setup: What this run was started with.
        panes: One for each model.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(SCREEN, priority=True)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares it so.

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        self.panes = [
            ChatPane(setup.store, thread_id, setup.marks, setup.profile.thinking) for thread_id in setup.thread_ids
        ]
        for pane in self.panes[1:]:
            pane.add_class("-beside")
        self.composer = Composer(setup.store.prompts.recent())
        self._links = [Link(pane, setup.connector(index)) for index, pane in enumerate(self.panes)]
        self._head = Static("", id="head")
        self._editing: MessageView | None = None
        self._pictures: list[Image] = []
        self._interrupted = 0.0

    def compose(self) -> ComposeResult:
        """Head, panes, composer, keys."""
        yield self._head
        with Horizontal(id="main"), Vertical(id="centre"):
            with Horizontal(id="panes"):
                yield from self.panes
            yield self.composer
        yield Footer(show_command_palette=True)

    def on_mount(self) -> None:
        """Looks for the servers."""
        self.composer.focus()
        for link in self._links:
            link.connect()
        self._describe()

    @property
    def pane(self) -> ChatPane:
        """The pane that keys and commands mean: the one with the focus, else the first."""
        focused = self.focused
        if focused is not None:
            for pane in self.panes:
                if pane in focused.ancestors_with_self:
                    return pane
        return self.panes[0]

    def link_of(self, pane: ChatPane) -> Link:
        """The way to a pane's server."""
        return self._links[self.panes.index(pane)]

    # What is asked.

    async def on_composer_sent(self, event: Composer.Sent) -> None:
        """Asks, or runs a command."""
        event.stop()
        if any(pane.streaming for pane in self.panes):
            self.notify("the answer is still coming; Esc stops it")
            return
        text = event.text
        self.setup.store.prompts.add(text)
        self.composer.remember(text)
        self.composer.put("")
        editing, self._editing = self._editing, None
        pictures, self._pictures = self._pictures, []
        if editing is not None and editing.message is not None:
            kept = [part for part in editing.message.parts if not isinstance(part, Text)]
            await self.pane_of(editing).edit(editing.message, [*kept, *pictures, Text(text)])
            return
        parts: list[Part] = [*pictures, Text(text)]
        for pane in self.panes:
            await pane.ask(parts)

    def on_composer_picture_dropped(self, event: Composer.PictureDropped) -> None:
        """A picture goes with the next question."""
        event.stop()
        try:
            picture = read_image(event.path)
        except SglError as error:
            self.notify(error.message, severity="error")
            return
        self.add_picture(picture.data, picture.mime, picture.name)

    def add_picture(self, data: bytes, mime: str, name: str) -> None:
        """Adds a picture to the next question."""
        key = self.setup.store.attachments.put(data, mime)
        self._pictures.append(Image(mime, key, name=name))
        self.notify(f"picture {len(self._pictures)} goes with the next question: {one_line(name) or mime}")

    def pane_of(self, view: MessageView) -> ChatPane:
        """The pane that a message is in."""
        return view.query_ancestor(ChatPane)

    # Servers.

    async def on_link_progressed(self, event: Link.Progressed) -> None:
        """Shows a step of a start."""
        pane = self._pane_of_link(event.link)
        cards = pane.query(StartCard)
        card = cards.first() if cards else None
        if card is None:
            card = StartCard(self.setup.marks)
            await pane.transcript.add(card)
        card.show(event.progress)

    async def on_link_ready(self, event: Link.Ready) -> None:
        """A server is there."""
        pane = self._pane_of_link(event.link)
        await pane.query(StartCard).remove()
        connected = event.connected
        thread = self.setup.store.threads.get(pane.thread_id)
        session = Session(self.setup.store, connected.client, connected.model, thread.id, thread.settings)
        session.stream = self.setup.stream
        await pane.attach(session)
        self._describe()

    def on_link_described(self, event: Link.Described) -> None:
        """The server has said how much the model can hold."""
        self._pane_of_link(event.link).status.show_context(event.about.context)

    async def on_link_failed(self, event: Link.Failed) -> None:
        """There is no server."""
        pane = self._pane_of_link(event.link)
        await pane.query(StartCard).remove()
        await pane.show_error(event.error)

    def on_error_card_retry(self) -> None:
        """Looks for a server once more, where there is none."""
        for pane, link in zip(self.panes, self._links, strict=True):
            if pane.session is None:
                link.connect()

    def _pane_of_link(self, link: Link) -> ChatPane:
        return self.panes[self._links.index(link)]

    # Messages.

    async def on_message_view_chosen(self, event: MessageView.Chosen) -> None:
        """A key was pressed on a message."""
        event.stop()
        await act(self, event.view, event.what)

    def edit(self, view: MessageView) -> None:
        """Puts a message into the composer; what is sent next takes its place."""
        if view.message is not None:
            self._editing = view
            self.composer.put(view.message.text)
            self.composer.focus()

    def on_chat_pane_changed(self, event: ChatPane.Changed) -> None:
        """Something about a pane is different."""
        event.stop()
        self._describe()

    # Keys.

    def action_step_back(self) -> None:
        """Esc."""
        streaming = [pane for pane in self.panes if pane.streaming]
        if streaming:
            for pane in streaming:
                pane.stop()
            return
        self._editing = None
        self.composer.focus()

    def action_interrupt(self) -> None:
        """Ctrl-C."""
        selected = self.get_selected_text() or (self.composer.selected_text if self.composer.has_focus else "")
        if selected:
            self.app.copy_to_clipboard(selected)
            self.notify("copied")
            return
        streaming = [pane for pane in self.panes if pane.streaming]
        now = time.monotonic()
        if now - self._interrupted < TWICE_SECONDS:
            self.app.exit(0)
            return
        self._interrupted = now
        for pane in streaming:
            pane.stop()
        self.notify("stopped; Ctrl+C again quits" if streaming else "Ctrl+C again quits", timeout=TWICE_SECONDS)

    def action_leave(self) -> None:
        """Ctrl-D."""
        if self.composer.text and self.composer.has_focus:
            self.composer.action_delete_right()
            return
        self.app.exit(0)

    async def action_new_chat(self) -> None:
        """Begins another conversation."""
        for pane in self.panes:
            old = self.setup.store.threads.get(pane.thread_id)
            thread = self.setup.store.threads.new(system=old.system, settings=old.settings)
            pane.leave()
            if old.tip_hash is None:
                self.setup.store.threads.delete(old.id)
            await pane.show_thread(thread.id)
        self.composer.focus()

    def action_turn_thinking(self) -> None:
        """Shows reasoning in another way."""
        showing = SHOWINGS[(SHOWINGS.index(self.pane.showing) + 1) % len(SHOWINGS)]
        for pane in self.panes:
            pane.show_thoughts(showing)
        self.notify(f"reasoning is {showing}")

    def action_move_cursor(self, step: int) -> None:
        """Puts the focus on the message above or below."""
        views = self.pane.transcript.views
        if not views:
            return
        focused = self.focused
        at = views.index(focused) if isinstance(focused, MessageView) and focused in views else len(views)
        at += step
        if at >= len(views):
            self.composer.focus()
        elif at >= 0:
            views[at].focus()

    def action_jump_to_end(self) -> None:
        """Follows the end again."""
        self.pane.transcript.follow()

    # The end.

    def close(self) -> None:
        """Keeps what has come and lets the servers go; empty conversations are not kept."""
        for pane in self.panes:
            pane.leave()
        for link in self._links:
            link.close()
        for pane in self.panes:
            if self.setup.store.threads.get(pane.thread_id).tip_hash is None:
                self.setup.store.threads.delete(pane.thread_id)

    def _describe(self) -> None:
        names: Sequence[str] = [
            f"{one_line(pane.session.model)} at {pane.session.client.endpoint.url}"
            for pane in self.panes
            if pane.session
        ]
        title = one_line(self.setup.store.threads.get(self.panes[0].thread_id).title) or "new chat"
        dot = f" {self.setup.marks.dot} "
        self._head.update(Content.assemble((title, "bold"), dot if names else "", dot.join(names)))

"""`ChatScreen`: the conversation of one model, or of two beside each other, with the composer and the panels."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message as WidgetMessage
from textual.widgets import Footer, Input, Static, TextArea

from sgl.errors import SglError

from ..session.session import Session
from ..store.messages import Message
from ..store.parts import Part, Text
from ..text.oneline import one_line
from .composer import Composer
from .copying import copy_text
from .desk import Desk
from .editing import Editing
from .exporting import export_chat, save_picture
from .external_editor import open_editor
from .keys import SCREEN, bindings
from .link import Link
from .logprobs import leave_tokens, toggle_logprobs
from .message.message_view import MessageView
from .message.text_lines import TextLines
from .message.thoughts import SHOWINGS
from .message_actions import act
from .no_server import clear, look_again, show_failure
from .notices import tell_error
from .pane.model_picker import ModelPicker
from .pane.pane import ChatPane
from .pane.start_card import StartCard
from .panels.format_screen import FormatScreen
from .panels.panels import WIDE, Panels
from .picture_input import picture_from_file
from .pictures import Pictures
from .setup import Setup
from .slash.menu import SlashMenu
from .slash.words import is_command, question
from .warm import SOON, warm_aside

TWICE_SECONDS: Final = 2.0
"""Ctrl-C twice within this time quits."""


class ChatScreen(Desk):
    """Puts questions to every pane and keeps the panels.

    Attributes:
        setup: What this run was started with.
        panes: One for each model.
        panels: What opens beside them.
        editing: What is said differently, if anything.
        pictures: Those that go with the next question.
        menu: What a slash command could become.
        stoppable: Ends what a command does that takes its time, by Esc; None while nothing does.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(SCREEN, priority=True)
    AUTO_FOCUS = "#composer"  # Else the first widget of all gets it for a moment, and is styled for that.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares it so.

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        self.panes = [
            ChatPane(setup.store, thread_id, setup.marks, setup.profile.thinking, setup.environ)
            for thread_id in setup.thread_ids
        ]
        for pane in self.panes:
            pane.request_extra = setup.extra
            pane.set_class(pane is not self.panes[0], "-beside")
        self.composer = Composer(setup.store.prompts.recent())
        self.panels = Panels(setup, self.panes, self.composer)
        self._links = [Link(pane, setup.connector(index)) for index, pane in enumerate(self.panes)]
        self._head = Static("", id="head")
        self.editing = Editing()
        self.pictures = Pictures()
        self.menu = SlashMenu(self.composer)
        self.stoppable: Callable[[], None] | None = None
        self._interrupted = 0.0

    def compose(self) -> ComposeResult:
        """Head, panes, composer, keys."""
        # What the breakpoints say, before there are widgets: said later, it would style each of them once more.
        wide = self.app.size.width >= WIDE
        self.set_class(wide, "-wide", update=False)
        self.set_class(not wide, "-narrow", update=False)
        yield self._head
        with self.panels:
            yield self.panels.sessions
            with Vertical(id="centre"):
                with Horizontal(id="panes"):
                    yield from self.panes
                yield self.panels.find
                yield self.editing
                yield self.menu
                yield self.composer
            yield self.panels.options
        yield Footer(show_command_palette=True)

    def on_mount(self) -> None:
        """Looks for the servers."""
        self.composer.focus()
        self.call_after_refresh(self._connect)  # The first frame does not share the processor with it.
        self.set_timer(SOON, warm_aside)
        self._describe()

    def _connect(self) -> None:
        for link in self._links:
            link.connect()

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

    class Commanded(WidgetMessage):
        """A command was typed: the app runs it."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def on_composer_typed(self, event: Composer.Typed) -> None:
        """A command may have begun; what is typed is shown before more of an answer is."""
        self.menu.follow(event.text)
        for pane in self.panes:
            pane.pace.give_way()

    def on_composer_menu_key(self, event: Composer.MenuKey) -> None:
        """A key for the menu of commands."""
        event.stop()
        self.menu.press(event.key)

    async def on_composer_sent(self, event: Composer.Sent) -> None:
        """Asks, or runs a command."""
        event.stop()
        if is_command(event.text):
            self.composer.put("")
            self.post_message(self.Commanded(event.text))
            return
        if any(pane.streaming for pane in self.panes):
            self.notify("the answer is still coming; Esc stops it")
            return
        try:
            images, typed = self.pictures.take(event.text, self.setup.store)
            text = question(typed)
            if text:
                self.setup.store.prompts.add(typed)
        except SglError as error:  # A full disk: what was typed stays.
            tell_error(self, error)
            return
        if text:
            self.composer.remember(typed)
        self.composer.put("")
        if await self.editing.send(images, text):
            return
        parts: list[Part] = [*images, *([Text(text)] if text else [])]
        for pane in self.panes:
            await pane.ask(parts)
        look_again(zip(self.panes, self._links, strict=True))

    def on_composer_picture_dropped(self, event: Composer.PictureDropped) -> None:
        """A picture goes with the next question."""
        event.stop()
        picture_from_file(self, event.path)

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
        await clear(pane)
        if pane.streaming:  # From the server before: what has come is kept.
            await pane.show_thread(pane.thread_id)
        connected = event.connected
        thread = self.setup.store.threads.get(pane.thread_id)
        session = Session(self.setup.store, connected.client, connected.model, thread.id, thread.settings)
        session.stream, session.clock = self.setup.stream, self.setup.clock
        await pane.attach(session)
        self._describe()

    def on_link_described(self, event: Link.Described) -> None:
        """The server has said how much the model can hold."""
        self._pane_of_link(event.link).status.show_context(event.about.context)

    async def on_link_failed(self, event: Link.Failed) -> None:
        """There is no server."""
        await show_failure(self._pane_of_link(event.link), event.error, self.composer, self.setup.environ)

    async def on_error_card_retry(self) -> None:
        """Looks for a server once more, where there is none."""
        for pane, link in zip(self.panes, self._links, strict=True):
            if pane.session is None:
                await clear(pane)
                link.connect()
        self.composer.focus()

    async def on_model_picker_chosen(self, event: ModelPicker.Chosen) -> None:
        """A server is to be started."""
        link = self.link_of(event.picker.query_ancestor(ChatPane))
        await event.picker.remove()
        self.composer.focus()
        link.start(event.model)

    def _pane_of_link(self, link: Link) -> ChatPane:
        return self.panes[self._links.index(link)]

    # Messages.

    async def on_message_view_chosen(self, event: MessageView.Chosen) -> None:
        """A key was pressed on a message."""
        event.stop()
        await act(self, event.view, event.what)

    def edit(self, pane: ChatPane, message: Message) -> None:
        """Puts a message into the composer; what is sent next stands beside it."""
        self.editing.begin(self, pane, message)

    def on_text_lines_copied(self, event: TextLines.Copied) -> None:
        """The word copy of some code was clicked on."""
        event.stop()
        copy_text(self, event.code)

    def on_chat_pane_changed(self, event: ChatPane.Changed) -> None:
        """Something about a pane is different."""
        event.stop()
        self._describe()
        self.panels.reload()

    # Panels.

    async def action_toggle_sessions(self) -> None:
        """Ctrl+B."""
        await self.panels.toggle_sessions()

    async def action_toggle_options(self) -> None:
        """Ctrl+O."""
        await self.panels.toggle_options()

    async def action_find(self) -> None:
        """Ctrl+F."""
        await self.panels.open_find()

    def action_search_history(self) -> None:
        """Ctrl+R."""
        self.panels.search_history()

    def action_help(self) -> None:
        """F1, ?."""
        self.post_message(self.Commanded("/help"))

    # Keys.

    def action_step_back(self) -> None:
        """Esc."""
        if self.menu.refuse() or self.panels.step_back():
            return
        if self.stoppable is not None:
            self.stoppable()
            return
        streaming = [pane for pane in self.panes if pane.streaming]
        if streaming:
            for pane in streaming:
                pane.stop()
            return
        self.editing.leave(self)
        leave_tokens(self)
        self.panels.step_out()

    def action_interrupt(self) -> None:
        """Ctrl-C."""
        selected = self.get_selected_text() or (self.composer.selected_text if self.composer.has_focus else "")
        if selected:
            copy_text(self, selected)
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
        focused = self.focused
        if (isinstance(focused, Input) and focused.value) or (isinstance(focused, TextArea) and focused.text):
            focused.action_delete_right()
        else:
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

    async def action_toggle_logprobs(self) -> None:
        """Shows answers as tokens with their probabilities, or as text."""
        await toggle_logprobs(self)

    def action_open_editor(self) -> None:
        """Writes in the person's own editor."""
        open_editor(self)

    def action_export(self) -> None:
        """Asks for a format, and writes the chat."""
        self.app.push_screen(FormatScreen(), lambda format: export_chat(self, format) if format else None)

    def action_save_picture(self) -> None:
        """Writes the screen as an SVG file."""
        save_picture(self)

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

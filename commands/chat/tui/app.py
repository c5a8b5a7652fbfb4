"""`ChatApp`: the Textual app; themes, keymap and the way out."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event, Key
from textual.screen import Screen

from .driver import ChatDriver
from .keymap_check import keymap_complaints, theme_complaint
from .last_resort import LastResort
from .notices import tell
from .screen import ChatScreen
from .setup import Setup

if TYPE_CHECKING:
    from textual.command import Provider

    from .slash.line import CommandLine
    from .slash.suggestion import Suggestion

DEFAULT_THEME: Final = "textual-dark"
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def _command_provider() -> type[Provider]:
    from .palette import CommandProvider  # What the first frame does not need is imported after it.

    return CommandProvider


def _chat_provider() -> type[Provider]:
    from .palette import ChatProvider

    return ChatProvider


class ChatApp(App[int]):
    """Runs one `ChatScreen`."""

    CSS_PATH = "chat.tcss"
    TITLE = "sgl chat"
    COMMANDS = App.COMMANDS | {_command_provider, _chat_provider}
    # Textual's own Ctrl+Q; Ctrl+C is the screen's.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="quit-now")
    ]

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        self.chat = ChatScreen(setup)
        self.chat.menu.source = self._suggest
        self._leaving = threading.Lock()
        self._left = False
        self._nothing_focused_yet = True
        if setup.profile.keymap:
            self.set_keymap(dict(setup.profile.keymap))

    def get_driver_class(self) -> type[Driver]:
        """Textual's, or ours in the place of the one for terminals."""
        usual = super().get_driver_class()
        return ChatDriver if usual is LinuxDriver else usual

    @cached_property
    def command_line(self) -> CommandLine:
        """Runs slash commands."""
        from .slash.line import CommandLine

        return CommandLine(self.chat)

    def get_default_screen(self) -> ChatScreen:
        """The chat."""
        return self.chat

    async def on_event(self, event: Event) -> None:
        """Gives the composer what is typed before it has got the focus; Textual would give it to nobody."""
        if isinstance(event, Key) and self._nothing_focused_yet and not event.is_forwarded:
            self._nothing_focused_yet = self.focused is None
            if self._nothing_focused_yet and (event.is_printable or event.key == "enter"):
                self.chat.composer.post_message(Key(event.key, event.character))
                return
        await super().on_event(event)

    def on_chat_screen_commanded(self, event: ChatScreen.Commanded) -> None:
        """A command was typed."""
        self.command_line.run(event.text)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Those of Textual that no command of ours does."""
        from .palette import TEXTUALS_OWN

        return [command for command in super().get_system_commands(screen) if command.title in TEXTUALS_OWN]

    def _suggest(self, text: str) -> Sequence[Suggestion]:
        return self.command_line.suggest(text) if text.startswith("/") else ()

    def on_mount(self) -> None:
        """Takes the person's theme, and ends in order when it is told to end."""
        theme = self.setup.profile.theme
        if theme in self.available_themes:
            self.theme = theme
        elif theme:
            tell(self.chat, theme_complaint(theme, sorted(self.available_themes)), "warning")
        for complaint in keymap_complaints(self.setup.profile.keymap):
            tell(self.chat, complaint, "warning")
        if not self.setup.marks.unicode:
            self.add_class("-ascii")
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            with suppress(NotImplementedError, RuntimeError, ValueError):  # Not in the main thread: tests.
                loop.add_signal_handler(number, self.exit, 128 + number)
        if not self.is_headless:
            with suppress(ValueError):
                LastResort(self._leave_once).watch(_ENDING)

    async def on_unmount(self) -> None:
        """Keeps what has come, and lets the servers go."""
        await asyncio.to_thread(self._leave_once)

    def _leave_once(self) -> None:
        """Closes the chat once; who comes second waits for the first."""
        with self._leaving:
            if not self._left:
                self._left = True
                self.chat.close()

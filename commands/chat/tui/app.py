"""`ChatApp`: the Textual app; themes, keymap and the way out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import ClassVar, Final

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from .keymap_check import keymap_complaints, theme_complaint
from .notices import tell
from .palette import TEXTUALS_OWN, ChatProvider, CommandProvider
from .screen import ChatScreen
from .setup import Setup
from .slash.line import CommandLine

DEFAULT_THEME: Final = "textual-dark"
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class ChatApp(App[int]):
    """Runs one `ChatScreen`."""

    CSS_PATH = "chat.tcss"
    TITLE = "sgl chat"
    COMMANDS = App.COMMANDS | {CommandProvider, ChatProvider}
    # Textual's own Ctrl+Q; Ctrl+C is the screen's.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="quit-now")
    ]

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        self.chat = ChatScreen(setup)
        self.command_line = CommandLine(self.chat)
        self.chat.menu.source = self.command_line.suggest
        if setup.profile.keymap:
            self.set_keymap(dict(setup.profile.keymap))

    def get_default_screen(self) -> ChatScreen:
        """The chat."""
        return self.chat

    def on_chat_screen_commanded(self, event: ChatScreen.Commanded) -> None:
        """A command was typed."""
        self.command_line.run(event.text)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Those of Textual that no command of ours does."""
        return [command for command in super().get_system_commands(screen) if command.title in TEXTUALS_OWN]

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

    async def on_unmount(self) -> None:
        """Keeps what has come, and lets the servers go."""
        await asyncio.to_thread(self.chat.close)

"""`ChatApp`: the Textual app; themes, keymap and the way out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from .keymap_check import keymap_complaints, theme_complaint
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
        if setup.profile.keymap:
            self.set_keymap(dict(setup.profile.keymap))

    @cached_property
    def command_line(self) -> CommandLine:
        """Runs slash commands."""
        from .slash.line import CommandLine

        return CommandLine(self.chat)

    def get_default_screen(self) -> ChatScreen:
        """The chat."""
        return self.chat

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

    async def on_unmount(self) -> None:
        """Keeps what has come, and lets the servers go."""
        await asyncio.to_thread(self.chat.close)

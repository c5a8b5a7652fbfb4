"""What Ctrl+P finds beside Textual's own: slash commands and chats."""

from __future__ import annotations

from functools import partial
from typing import Final

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher

from ..store.threads import Thread
from ..text.oneline import one_line
from .desk import Desk
from .slash.command import Command
from .slash.line import CommandLine
from .slash.table import COMMANDS

MOST_CHATS: Final = 1000
"""The newest ones; the list of chats (Ctrl+B) searches all."""

TEXTUALS_OWN: Final = frozenset({"Theme", "Screenshot"})
"""Textual's commands that are kept; for the others there are ours."""

_DOUBLES: Final = frozenset({"/theme"})


class CommandProvider(Provider):
    """The slash commands."""

    async def discover(self) -> Hits:
        """All of them."""
        for command in self._commands():
            yield DiscoveryHit(Content(command.usage), partial(self._run, command), command.usage, command.help)

    async def search(self, query: str) -> Hits:
        """Those whose name or whose help holds the letters."""
        words = query.removeprefix("/")
        if not words:  # Textual's matcher cannot look for nothing.
            return
        matcher = self.matcher(words)
        for command in self._commands():
            by_name, by_help = matcher.match(command.name), matcher.match(command.help) / 2
            if by_name or by_help:
                shown = _marked(matcher, command.usage)
                yield Hit(max(by_name, by_help), shown, partial(self._run, command), command.usage, command.help)

    def _commands(self) -> list[Command]:
        on_chat = isinstance(self.screen, Desk)
        return [command for command in COMMANDS if command.name not in _DOUBLES] if on_chat else []

    def _run(self, command: Command) -> None:
        screen = self.screen
        assert isinstance(screen, Desk)
        if command.needs_arguments:
            screen.composer.put(f"{command.name} ")
            screen.composer.focus()
        else:
            CommandLine(screen).run(command.name)


class ChatProvider(Provider):
    """The conversations, by title."""

    async def startup(self) -> None:
        """Reads the list once."""
        self._threads: list[Thread] = []
        if isinstance(self.screen, Desk):
            rows = self.screen.setup.store.threads.summaries(limit=MOST_CHATS)
            self._threads = [row.thread for row in rows if row.thread.title]

    async def search(self, query: str) -> Hits:
        """Those whose title holds the letters."""
        matcher = self.matcher(query)
        for thread in self._threads:
            title = one_line(thread.title)
            score = matcher.match(title)
            if score:
                yield Hit(score, _marked(matcher, title), partial(self._open, thread.id), title, "Chat")

    def _open(self, thread_id: str) -> None:
        screen = self.screen
        assert isinstance(screen, Desk)
        screen.call_later(screen.pane.show_thread, thread_id)
        screen.composer.focus()


def _marked(matcher: Matcher, text: str) -> Content:
    """A text with the letters that were found; `Matcher.highlight` would read markup in it."""
    content = Content(text)
    score, places = matcher.fuzzy_search.match(matcher.query, text)
    for place in places if score else ():
        content = content.stylize(matcher.match_style, place, place + 1)
    return content

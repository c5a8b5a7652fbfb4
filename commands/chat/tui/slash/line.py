"""`CommandLine`: runs what was typed after a slash, and says what it could become."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.fuzzy import Matcher

from sgl.errors import SglError, UsageError

from ..desk import Desk
from ..notices import tell, tell_error
from ..slash import table
from .command import Command
from .suggestion import Suggestion
from .words import parse


class CommandLine:
    """The commands of one screen."""

    def __init__(self, screen: Desk) -> None:
        self._screen = screen

    def run(self, text: str) -> None:
        """Runs a command; what goes wrong is told, and the text is in the composer again then."""
        self._screen.composer.remember(text)
        # In a worker: a command may wait for a server or for another screen, and the app must not.
        self._screen.run_worker(self._run(text), group="command", exit_on_error=False)

    def suggest(self, text: str) -> Sequence[Suggestion]:
        """What a text could become; nothing for a question, and for what is complete."""
        if "\n" in text or not text.startswith("/"):
            return []
        name, blank, arguments = text.partition(" ")
        if not blank:
            return [_suggestion(row) for row in matching(name)]
        command = table.named(name)
        if command is None or command.complete is None:
            return []
        try:
            choices = command.complete(self._screen, arguments.lstrip())
        except SglError:  # Such as presets that cannot be read: running the command tells.
            return []
        found = [
            Suggestion(f"{name} {each.text}", each.label or each.text, each.help, each.complete, argument=True)
            for each in choices
        ]
        return [] if text in [each.text for each in found if each.complete] else found

    async def _run(self, text: str) -> None:
        screen = self._screen
        try:
            word, arguments = parse(text)
            command = table.find(word)
            if command.needs_arguments and not arguments:
                raise UsageError(f"{command.name} needs more: {command.usage}", hint=command.help)
            if command.waits and any(pane.streaming for pane in screen.panes):
                raise UsageError("the answer is still coming", hint="Esc stops it")
            await command.run(screen, arguments)
        except SglError as error:
            tell_error(screen, error)
            self._give_back(text)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # A fault of ours must not end the chat.
            tell(screen, f"{text} failed, something is wrong in sgl: {type(error).__name__}: {error}", "error")
            self._give_back(text)

    def _give_back(self, text: str) -> None:
        composer = self._screen.composer
        if not composer.text:
            composer.put(text)


def _suggestion(command: Command) -> Suggestion:
    text = f"{command.name} " if command.takes_arguments else command.name
    return Suggestion(text, command.usage, command.help, complete=not command.needs_arguments)


def matching(word: str) -> list[Command]:
    """Commands for what is typed so far: the one of that name, those that begin so, those that hold the letters."""
    exact = [row for row in table.COMMANDS if word in (row.name, *row.aliases)]
    begin = [row for row in table.COMMANDS if any(name.startswith(word) for name in (row.name, *row.aliases))]
    if len(word) < 2:  # Textual's matcher cannot look for nothing.
        return begin
    matcher = Matcher(word[1:])
    scores = {row.name: matcher.match(row.name[1:]) for row in table.COMMANDS}
    rest = sorted((row for row in table.COMMANDS if scores[row.name]), key=lambda row: -scores[row.name])
    return list(dict.fromkeys([*exact, *begin, *rest]))

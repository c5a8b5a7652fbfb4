"""The table of slash commands, and which of them a word means."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from sgl.errors import UsageError, echo

from ..copying import copy_text
from ..desk import Desk
from ..panels.columns_text import ColumnsText, Rows
from ..panels.text_screen import TextScreen
from ..slash import asking, attaching, bench, conversation, figures, giving, program, servers
from .command import Command
from .key_rows import key_rows

_GROUPS: Final[tuple[tuple[str, Sequence[Command]], ...]] = (
    ("This chat", conversation.COMMANDS),
    ("How is asked", asking.COMMANDS),
    ("Into the question", attaching.COMMANDS),
    ("Models and servers", (*servers.COMMANDS, *bench.COMMANDS)),
    ("Numbers", figures.COMMANDS),
    ("Out of the chat", giving.COMMANDS),
    ("The program", program.COMMANDS),
)


async def _help(screen: Desk, text: str) -> None:
    body = ColumnsText([*command_rows(), *key_rows(screen.setup.profile.keymap)])
    screen.app.push_screen(TextScreen("Commands and keys", body, lambda copied: copy_text(screen, copied)))


def command_rows() -> list[Rows]:
    """Every command with what it does."""
    groups = [Rows(title, [(row.usage, row.help) for row in commands]) for title, commands in _GROUPS]
    slashes = ("//...", "A question that begins with a slash.")
    return [*groups, Rows("", [(HELP.usage, HELP.help), slashes])]


HELP: Final = Command("/help", "/help", "Show commands and keys.", _help, aliases=("/?", "/commands"))
COMMANDS: Final = (HELP, *(command for _, commands in _GROUPS for command in commands))
_BY_NAME: Final = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def named(word: str) -> Command | None:
    """The command of exactly this name."""
    return _BY_NAME.get(word)


def find(word: str) -> Command:
    """The command that a word means; its beginning is enough when no other begins so.

    Raises:
        UsageError: There is none.
    """
    command = named(word)
    if command is not None:
        return command
    longer = [command for command in COMMANDS if command.name.startswith(word)] if len(word) > 1 else []
    if len(longer) == 1:
        return longer[0]
    near = [command.name for command in longer] or get_close_matches(word, [row.name for row in COMMANDS], n=1)
    hint = f"did you mean {' or '.join(near)}?" if near else "/help lists them; // begins a question with a slash"
    raise UsageError(f"there is no command {echo(word)}", hint=hint)

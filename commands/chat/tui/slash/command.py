"""`Command`: a row of the table of slash commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..desk import Desk


@dataclass(frozen=True)
class Choice:
    """What could stand after a command's name.

    Attributes:
        text: All of the arguments with it.
        label: What the menu shows; the text, when it is empty.
        help: What it is; may be empty.
        complete: Whether nothing has to follow.
    """

    text: str
    label: str = ""
    help: str = ""
    complete: bool = True


Run = Callable[[Desk, str], Awaitable[None]]
"""Does it: gets the arguments as they were typed. Raises `SglError` for what a person can put right."""

Complete = Callable[[Desk, str], Sequence[Choice]]
"""What the arguments that were typed so far could become. Never waits for a server."""


@dataclass(frozen=True)
class Command:
    """What can be typed after a slash.

    Attributes:
        name: With its slash.
        usage: How it is typed.
        help: What it does, in one sentence.
        run: Does it.
        complete: Completes its arguments; None where nothing can be known about them.
        aliases: Other names, which no list shows.
        waits: Whether it has to wait until the answer has come.
    """

    name: str
    usage: str
    help: str
    run: Run
    complete: Complete | None = None
    aliases: tuple[str, ...] = ()
    waits: bool = False

    @property
    def takes_arguments(self) -> bool:
        """Whether anything can follow the name."""
        return " " in self.usage

    @property
    def needs_arguments(self) -> bool:
        """Whether something has to follow the name."""
        return self.takes_arguments and not self.usage.partition(" ")[2].startswith("[")

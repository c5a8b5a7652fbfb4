"""Reads what a person types: one line, or several between lines of three quotes; the arrow keys know the past."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from ..store.prompts import Prompts

PROMPT: Final = "> "
MORE: Final = ". "
QUOTES: Final = '"""'
HISTORY: Final = 500


class Lines:
    """Prompts and history.

    Args:
        prompts: The history that is kept.
        read: Reads a line after showing a prompt; raises `EOFError` at the end of input.
    """

    def __init__(self, prompts: Prompts, read: Callable[[str], str] = input) -> None:
        self._prompts = prompts
        self._read = read
        with contextlib.suppress(ImportError):  # A Python built without it reads plain lines.
            import readline  # Takes over `input`: only a chat at a terminal wants that.

            readline.clear_history()
            for text in reversed(prompts.recent(limit=HISTORY)):
                if "\n" not in text:
                    readline.add_history(text)

    def next(self) -> str:
        """The next question or command; may be empty.

        Raises:
            EOFError: The input has ended (Ctrl-D).
            KeyboardInterrupt: Ctrl-C.
        """
        line = self._read(PROMPT)
        if not line.lstrip().startswith(QUOTES):
            return self._kept(line.strip())
        rest = line.lstrip()[len(QUOTES) :]
        lines: list[str] = []
        while not rest.rstrip().endswith(QUOTES):
            lines.append(rest)
            rest = self._read(MORE)
        lines.append(rest.rstrip()[: -len(QUOTES)])
        return self._kept("\n".join(lines).strip("\n"))

    def _kept(self, text: str) -> str:
        if text and not text.startswith("/"):
            self._prompts.add(text)
        return text

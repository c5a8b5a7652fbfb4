"""Completes the arguments of commands: fixed words, paths, and lists that only the screen knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...outside.paths import complete_path
from ...session.options import OPTIONS
from ..desk import Desk
from .command import Choice, Complete


def words(*choices: tuple[str, str]) -> Complete:
    """One word of a fixed list, each with what it is; a word that ends in a blank needs more after it."""

    def complete(screen: Desk, text: str) -> Sequence[Choice]:
        return [
            Choice(word, word.strip(), help, complete=not word.endswith(" "))
            for word, help in choices
            if word.startswith(text)
        ]

    return complete


def paths(*others: tuple[str, str], mark: str = "") -> Complete:
    """A path, or a word.

    Args:
        others: Words that are possible, too, each with what it is.
        mark: What has to stand before a path.
    """

    def complete(screen: Desk, text: str) -> Sequence[Choice]:
        found = list(words(*others)(screen, text))
        if text.startswith(mark):
            names = complete_path(text[len(mark) :], screen.setup.environ)
            found += [Choice(mark + name, complete=not name.endswith("/")) for name in names]
        return found

    return complete


def names(read: Callable[[Desk], Sequence[tuple[str, str]]]) -> Complete:
    """One of a list that is made when it is needed; what holds the typed text comes after what begins with it."""

    def complete(screen: Desk, text: str) -> Sequence[Choice]:
        wanted, all_names = text.lower(), read(screen)
        first = [each for each in all_names if each[0].lower().startswith(wanted)]
        rest = [each for each in all_names if wanted in each[0].lower() and each not in first]
        return [Choice(name, help=help) for name, help in [*first, *rest]]

    return complete


def options(screen: Desk, text: str) -> Sequence[Choice]:
    """The name of an option at the end of a list of them."""
    before, blank, last = text.rpartition(" ")
    if "=" in last:
        return []
    settings = screen.setup.store.threads.get(screen.pane.thread_id).settings
    found = [
        Choice(
            f"{before}{blank}{name}=",
            f"{name}=",
            f"now {settings[name]}" if name in settings else kind if kind != "json" else "a JSON object",
            complete=False,
        )
        for name, kind in OPTIONS.items()
        if name.startswith(last)
    ]
    return found if before else [*words(("off", "no options: what the server takes"))(screen, text), *found]

"""The keys as rows of a list, those of the person's keymap in place of the usual ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..key_names import key_names
from ..keys import MESSAGE, SCREEN, SESSION_ROW, Key
from ..panels.columns_text import Rows

_TYPING: Final = (
    ("Enter", "Send"),
    ("Ctrl+J", "New line; Shift+Enter and Alt+Enter where the terminal knows them"),
    ("Up, Down", "What was typed before, when nothing is typed"),
    ("/", "Commands; Tab completes them"),
    ("Ctrl+P", "Search commands and chats"),
    ('"""', "Begins and ends a text of several lines"),
)
"""Keys that cannot be changed."""


def key_rows(keymap: Mapping[str, str]) -> list[Rows]:
    """Every key with what it does.

    Args:
        keymap: Id of an action -> its keys, from the profile.
    """
    return [
        Rows("Writing", _TYPING),
        Rows("Anywhere", _pairs(SCREEN, keymap)),
        Rows("On a message (Alt+Up goes to it)", _pairs(MESSAGE, keymap)),
        Rows("In the list of chats", _pairs(SESSION_ROW, keymap)),
    ]


def _pairs(rows: Sequence[Key], keymap: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(key_names(row, keymap) or "(no key)", row.text) for row in rows]

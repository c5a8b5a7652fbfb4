"""What cannot work in a person's keymap, said at the start: Textual itself takes everything silently."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from sgl.errors import echo

from .key_names import key_name
from .keys import MESSAGE, SCREEN, SESSION_ROW, Key

QUIT_NOW: Final = Key("quit-now", "ctrl+q", "quit", "Quit at once")
_PALETTE: Final = Key("command-palette", "ctrl+p", "command_palette", "Command palette")

_PLACES: Final = ((*SCREEN, QUIT_NOW, _PALETTE), MESSAGE, SESSION_ROW)
"""Rows that are looked at together. Keys of the first place win everywhere; the others never meet each other."""


def keymap_complaints(keymap: Mapping[str, str]) -> list[str]:
    """One line for each thing that is wrong; none for a keymap that works.

    Args:
        keymap: Id of an action -> its keys, comma separated.
    """
    known = [row.id for place in _PLACES for row in place if row is not _PALETTE]
    return [*(_unknown(name, known) for name in keymap if name not in known), *_clashes(keymap)]


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    more = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"keymap: there is no action {echo(name)}; {more}"


def _clashes(keymap: Mapping[str, str]) -> list[str]:
    everywhere = _PLACES[0]
    complaints: dict[str, None] = {}  # The same clash may be met in two places.
    for place in _PLACES:
        taken: dict[str, Key] = {}
        for row in dict.fromkeys((*everywhere, *place)):
            for key in keymap.get(row.id, row.keys).split(","):
                other = taken.setdefault(key.strip(), row)
                if key.strip() and other is not row and (row.id in keymap or other.id in keymap):
                    complaints[f"keymap: {key_name(key.strip())} is both {other.id} and {row.id}"] = None
    return list(complaints)


def theme_complaint(name: str, themes: list[str]) -> str:
    """What to say about a theme that there is none of."""
    near = get_close_matches(name, themes, n=1)
    more = f"did you mean {near[0]}?" if near else f"there are {', '.join(themes)}"
    return f"there is no theme {echo(name)}; {more}"

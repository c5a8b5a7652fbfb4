"""Keys as people write them, with those that a person has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .keys import Key

_SIGNS: Final = {
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "question_mark": "?",
    "slash": "/",
    "escape": "Esc",
}


def key_names(row: Key, keymap: Mapping[str, str]) -> str:
    """The keys of an action, such as ``Ctrl+B`` or ``Enter, Space``; empty when a person has taken them away.

    Args:
        row: The action.
        keymap: Id of an action -> its keys; empty for none.
    """
    return ", ".join(key_name(key.strip()) for key in keymap.get(row.id, row.keys).split(",") if key.strip())


def key_name(key: str) -> str:
    """One key of Textual's names; a letter by itself keeps its case, for ``n`` and ``N`` are two keys."""
    if len(key) == 1:
        return key
    return "+".join(_SIGNS.get(word, word.capitalize()) for word in key.split("+"))

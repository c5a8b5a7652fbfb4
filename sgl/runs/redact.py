"""Takes secrets out of the words of a command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sgl.config.flags import SERVE_FLAGS
from sgl.config.values import Secret

HIDDEN: Final = "(secret)"


def redact(words: Iterable[str]) -> tuple[str, ...]:
    """``words`` with the value of every flag that takes a secret replaced, however it is written."""
    secret = {spelling for flag in SERVE_FLAGS if isinstance(flag.kind, Secret) for spelling in flag.spellings}
    shown: list[str] = []
    hide_next = False
    for word in words:
        name, equals, _ = word.partition("=")
        if hide_next:
            shown.append(HIDDEN)
        elif equals and name.replace("_", "-") in secret:
            shown.append(f"{name}={HIDDEN}")
        else:
            shown.append(word)
        hide_next = not hide_next and not equals and name.replace("_", "-") in secret
    return tuple(shown)

"""`Repository`: what the user typed as ``owner/name`` or ``owner/name@revision``."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sgl.errors import ModelNotFound

MAIN: Final = "main"
"""The branch that is meant when no revision is given."""

_LETTERS: Final = frozenset(string.ascii_letters + string.digits + "._-")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the Hugging Face Hub at one revision: a branch, a tag or a commit."""

    owner: str
    name: str
    revision: str = MAIN

    @property
    def identity(self) -> str:
        """``owner/name``, as the Hub calls it."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return self.identity if self.revision == MAIN else f"{self.identity}@{self.revision}"


def parse_repository(text: str, revision: str | None = None) -> Repository:
    """Reads ``owner/name[@revision]``.

    Raises:
        ModelNotFound: It is something else, so it was meant as a path.
    """
    if Path(text).is_file():
        raise ModelNotFound(f"{text} is a file.", hint="Give the folder that holds config.json.")
    identity, mark, suffix = text.partition("@")
    owner, slash, name = identity.partition("/")
    if not slash or not _is_name(owner) or not _is_name(name):
        raise ModelNotFound(
            f"There is no folder {text}.", hint="A repository of the Hugging Face Hub is written owner/name."
        )
    chosen = suffix if mark else revision or MAIN
    if mark and revision is not None and revision != suffix:
        raise ModelNotFound(f"{text} names the revision '{suffix}', --revision names '{revision}'; give one.")
    if not all(_is_name(part) for part in chosen.split("/")):
        raise ModelNotFound(f"'{chosen}' cannot be a revision of {owner}/{name}.")
    return Repository(owner, name, chosen)


def _is_name(text: str) -> bool:
    return bool(text) and set(text) <= _LETTERS and text[0] not in ".-" and ".." not in text

"""`Setting`: one value that somebody set, and who."""

from __future__ import annotations

from typing import Final, NamedTuple

from sgl.config.flag import Flag
from sgl.config.mistakes import bad_value
from sgl.config.values import Secret, Value

SECRET: Final = "(secret)"
"""What is shown in place of a key."""


class Setting(NamedTuple):
    """A value that was set, and how.

    Attributes:
        value: What it means.
        origin: Where it was set, for people: a flag as spelt, a variable, ``MODEL`` for the bare word of a command
            line, a file, or ``profile NAME in FILE``.
        text: The words of the value; not those of a key.
        key: The key in the file; empty elsewhere.
    """

    value: Value
    origin: str
    text: str
    key: str = ""

    @property
    def named(self) -> str:
        """What to point at in a message: ``--tp``, ``SGL_TP``, ``tp in sgl.toml``."""
        return f"{self.key} in {self.origin}" if self.key else self.origin

    @property
    def written(self) -> str:
        """How it was given, for a message: ``--tp 2``, ``SGL_TP 2``, ``--deterministic``, ``tp = 2 in sgl.toml``."""
        if self.key:
            return f"{self.key} = {self.text} in {self.origin}"
        return f"{self.origin} {self.text}".rstrip()


def read_setting(flag: Flag, origin: str, text: str, key: str = "") -> Setting:
    """Reads a value from the text that was typed for it.

    Raises:
        UsageError: The text is no value of the flag.
    """
    try:
        value = flag.kind.parse(text)
    except ValueError as error:
        raise bad_value(flag, Setting(None, origin, text, key).named, text) from error
    return Setting(value, origin, SECRET if isinstance(flag.kind, Secret) else text, key)

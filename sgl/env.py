"""Every ``SGL_*`` environment variable that is not the twin of a serve flag, typed, in one table.

A serve flag ``--page-size`` can be given as ``SGL_PAGE_SIZE`` (see `sgl.config.flags`); what is listed
here has no flag, because it must work for every command, or before any flag is read. A value that
cannot be understood is an error, never a silent default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from sgl.errors import UsageError, echo

Value = TypeVar("Value")

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


def parse_switch(text: str) -> bool:
    """Reads 1/0, true/false, yes/no or on/off, in any case.

    Raises:
        ValueError: The text is something else.
    """
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(text)


class Variable(Generic[Value]):
    """One variable: how its text is read, what it is when unset, and what it is for."""

    def __init__(self, name: str, parse: Callable[[str], Value], default: Value, expects: str, help: str) -> None:
        self.name = name
        self.default = default
        self.expects = expects
        self.help = help
        self._parse = parse

    def read(self, environ: Mapping[str, str]) -> Value:
        """Returns the value, or the default when the variable is not set.

        Raises:
            UsageError: The variable is set to something that cannot be understood.
        """
        text = environ.get(self.name)
        if text is None:
            return self.default
        try:
            return self._parse(text)
        except ValueError as error:
            raise UsageError(f"{self.name} expects {self.expects}, got {echo(text)}") from error


DEBUG: Final = Variable("SGL_DEBUG", parse_switch, False, "1 or 0", "Show the traceback of an error.")

URL: Final = Variable(
    "SGL_URL",
    str,
    "",
    "the address of a server",
    "The server that sgl chat and sgl bench talk to, such as http://host:30000.",
)

VARIABLES: Final = (DEBUG, URL)
"""All of them, for documentation and tests."""

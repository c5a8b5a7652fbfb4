"""TOML to a plain table. Imported when a file is read: most starts read none."""

from __future__ import annotations

import re
import sys
from typing import Any

from sgl.config.file_error import SyntaxProblem

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def parse_toml(text: str) -> dict[str, Any]:
    """Returns the table.

    Raises:
        SyntaxProblem: It is not TOML; a key that is there twice counts as that.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except ValueError as error:  # Also an integer of thousands of digits, and a date that does not exist.
        message, _, place = str(error).partition(" (at ")
        at = re.match(r"line (\d+)", place)
        line = int(at.group(1)) if at else len(text.splitlines()) if place else None
        hint = 'text is written in quotes: model = "owner/name"' if message == "Invalid value" else None
        raise SyntaxProblem(message, line, hint) from error
    return table

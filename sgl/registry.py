"""Choice by name: a frozen table of ``name -> "module:attribute"`` strings, imported when chosen.

After uvicorn's config tables: optional parts stay optional, listing the names costs no import, and an
unknown name is answered with the known ones.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sgl.errors import SglError, UsageError


class Table:
    """A named, immutable table of import strings."""

    def __init__(self, kind: str, rows: Mapping[str, str], error: type[SglError] = UsageError) -> None:
        for name, target in rows.items():
            module, _, attribute = target.partition(":")
            if not module or not attribute:
                raise ValueError(f"row {name!r} of {kind!r} must read 'module:attribute', not {target!r}")
        self.kind = kind
        self._rows = MappingProxyType(dict(rows))
        self._error = error

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def target(self, name: str) -> str:
        """``module:attribute`` of a name.

        Raises:
            SglError: The table has no such name; the message lists what it has.
        """
        target = self._rows.get(name)
        if target is None:
            raise self._error(f"unknown {self.kind} '{name}'; {closest(name, self._rows)}")
        return target

    def load(self, name: str) -> object:
        """Imports and returns what ``name`` stands for.

        Raises:
            SglError: The table has no such name; the message lists what it has.
        """
        module, _, attribute = self.target(name).partition(":")
        return getattr(importlib.import_module(module), attribute)


def closest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """Words the known names for an error: the closest one first, then all (at most 20)."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"{hint}known: {shown}"

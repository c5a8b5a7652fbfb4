"""From the keys of a config file to settings: a key is a flag's name without dashes, a value is native or text."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sgl.config.flags import BY_SPELLING, Flag
from sgl.config.foreign import NEEDLESS
from sgl.config.mistakes import bad_value, is_known, unknown_key
from sgl.config.setting import Setting, read_setting
from sgl.config.values import Choice, Integer, Real, Secret, Switch
from sgl.errors import UsageError, echo

_PATHS: Final = ("file", "folder", "model")


def read_keys(table: Mapping[str, Any], origin: str, notices: list[str]) -> Iterator[tuple[Flag, Setting]]:
    """Reads a table of a file; ``origin`` names both. Notes needless flags of other engines in ``notices``.

    Raises:
        UsageError: A key is unknown or has no place in a file, two keys are one flag, or a value cannot be read.
    """
    seen: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            raise UsageError(
                f"{echo(key)} in {origin} is a table; settings stand outside of tables",
                hint="only a profile is one: [profiles.NAME]",
            )
        flag = BY_SPELLING.get(_spelling(key))
        if flag is None:
            spelling = _spelling(key)
            if value is not True or spelling not in NEEDLESS:
                raise unknown_key(key, spelling, origin)
            notices.append(f"{key} in {origin} is not needed: {NEEDLESS[spelling]}")
            continue
        if not flag.lasting:
            raise UsageError(f"{key} in {origin} is about one start only", hint=f"give {flag.name} on the command line")
        if flag.name in seen:
            raise UsageError(f"{seen[flag.name]} and {key} in {origin} are both {flag.name}", hint="keep one of them")
        seen[flag.name] = key
        yield flag, _setting(flag, key, value, origin)


def _spelling(key: str) -> str:
    """The flag that a key stands for: with two dashes, or with one where only that is known (``m``, ``ngl``)."""
    long = f"--{key.replace('_', '-')}"
    return long[1:] if not is_known(long) and is_known(long[1:]) else long


def _setting(flag: Flag, key: str, value: Any, origin: str) -> Setting:
    if not isinstance(value, list):
        return read_setting(flag, origin, _text(flag, key, value, origin), key)
    if not flag.many:
        raise _wrong(flag, key, value, origin)
    parts = [read_setting(flag, origin, _text(flag, key, part, origin), key) for part in value]
    together: tuple[str, ...] = ()
    for part in parts:
        together += part.value if isinstance(part.value, tuple) else ()
    if not together:
        raise bad_value(flag, f"{key} in {origin}", "")
    shown = parts[0].text if isinstance(flag.kind, Secret) else ",".join(part.text for part in parts)
    return Setting(together, origin, shown, key)


def _text(flag: Flag, key: str, value: Any, origin: str) -> str:
    """A value as one would type it, where its type is one that the flag can have."""
    if isinstance(value, str):
        return os.path.expanduser(value) if flag.completes in _PATHS else value  # As a shell does.
    numbers = isinstance(flag.kind, Integer | Real | Switch)
    if isinstance(value, bool):
        if isinstance(flag.kind, Switch):
            return "true" if value else "false"
    elif (isinstance(value, int) and numbers) or (isinstance(value, float) and isinstance(flag.kind, Real)):
        return str(value)
    raise _wrong(flag, key, value, origin)


def _wrong(flag: Flag, key: str, value: Any, origin: str) -> UsageError:
    """The error for a value of a type that the flag cannot have."""
    if isinstance(flag.kind, Secret):
        return UsageError(f"{key} in {origin} expects {flag.kind.expects}, in quotes")
    quotable = isinstance(value, bool | int | float) and not isinstance(flag.kind, Integer | Real | Switch | Choice)
    return UsageError(
        f"{key} in {origin} expects {flag.kind.expects}, got {_described(value)}",
        hint="put it in quotes" if quotable else None,
    )


def _described(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return echo(value)
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"  # A table only as a part of a list.
    return f"a {type(value).__name__}"

"""`ConfigFile`: one TOML or YAML file with settings, read and checked as far as its form goes."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from sgl.config.file_error import SyntaxProblem
from sgl.errors import UsageError, echo

PROFILES: Final = "profiles"
"""The key of the table of profiles."""
MOST_BYTES: Final = 2**20
SUFFIXES: Final = (".toml", ".yaml", ".yml")


class ConfigFile(NamedTuple):
    """A file that was read.

    Attributes:
        name: What to call it in a message: the path as it was given, or one with ``~``.
        keys: Its settings, without the profiles.
        profiles: Profile -> settings.
        shared: Whether other users of the machine may read it.
    """

    name: str
    keys: Mapping[str, Any]
    profiles: Mapping[str, Mapping[str, Any]]
    shared: bool


def read_file(path: Path, name: str) -> ConfigFile:
    """Reads the file; its suffix says whether it is TOML or YAML.

    Raises:
        UsageError: It cannot be read, or its form is wrong; one line with the file's name and the line's number.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{name} is neither TOML nor YAML by its name", hint="it has to end in .toml, .yaml or .yml")
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(path.stat().st_mode)
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{name} is larger than {MOST_BYTES} bytes; that cannot be a file of settings")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text") from error
    table = _checked(_parse(path.suffix, text, name), name)
    profiles = table.pop(PROFILES, None) or {}
    if not isinstance(profiles, dict) or not all(isinstance(keys, dict | None) for keys in profiles.values()):
        raise UsageError(f"{name}: {PROFILES} has to be a table of tables", hint="a profile is written [profiles.NAME]")
    return ConfigFile(
        name,
        table,
        {profile: _checked(keys, name) for profile, keys in _checked(profiles, name).items()},
        bool(mode & (stat.S_IRGRP | stat.S_IROTH)),
    )


def _parse(suffix: str, text: str, name: str) -> Any:
    # Imported here: a start without a file needs neither, and each takes tens of milliseconds.
    try:
        if suffix == ".toml":
            from sgl.config.file_toml import parse_toml

            return parse_toml(text)
        from sgl.config.file_yaml import parse_yaml

        return parse_yaml(text)
    except SyntaxProblem as problem:
        place = name if problem.line is None else f"{name}, line {problem.line}"
        raise UsageError(f"{place}: {problem.message}", hint=problem.hint) from problem
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply; settings are a plain list of keys") from error


def _checked(table: Any, name: str) -> dict[str, Any]:
    """A table whose keys are text; an empty YAML document, or an empty profile, is an empty table."""
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise UsageError(f"{name} has to be a table of keys and values, such as port: 8000")
    for key in table:
        if not isinstance(key, str):
            raise UsageError(f"{name}: the key {echo(key)} is not the name of a flag", hint="put it in quotes")
    return table

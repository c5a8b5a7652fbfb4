"""Tools for a model, from a JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from sgl.errors import UsageError, echo

from ..files import read_small_text
from ..text.oneline import one_line

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HINT: Final = 'a tool is {"type": "function", "function": {"name": ..., "description": ..., "parameters": {...}}}'


def read_tools(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The request's ``tools``: a list of OpenAI's tools or of bare functions, or such a list under ``tools``.

    Raises:
        UsageError: The file cannot be read, or holds something else; the message names the entry, counted from 1.
    """
    shown = one_line(str(path))
    try:
        content = json.loads(read_small_text(path), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown} is not JSON: {one_line(str(error))}", hint=_HINT) from error
    entries = content.get("tools") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise UsageError(f"{shown} holds no list of tools", hint=_HINT)
    if not entries:
        raise UsageError(f"{shown} holds no tools: the list is empty", hint=_HINT)
    tools: dict[str, Mapping[str, Any]] = {}
    for number, entry in enumerate(entries, start=1):
        where = f"{shown}, tool {number}"
        function = _function(entry, where)
        if function["name"] in tools:
            raise UsageError(f"{where}: the name {function['name']} is there twice")
        tools[function["name"]] = {"type": "function", "function": function}
    return tuple(tools.values())


def _function(entry: object, where: str) -> dict[str, Any]:
    """The function of an entry, in OpenAI's form or bare."""
    if not isinstance(entry, dict):
        raise UsageError(f"{where} has to be an object, got {echo(entry)}", hint=_HINT)
    function: object = entry
    if "function" in entry or entry.get("type") == "function":
        kind = entry.get("type", "function")
        if kind != "function":
            raise UsageError(f"{where}: type has to be 'function', got {echo(kind)}", hint=_HINT)
        # OpenAI's newer form has the name beside the type.
        function = entry.get("function", {key: value for key, value in entry.items() if key != "type"})
    elif "type" in entry:
        raise UsageError(f"{where}: type has to be 'function', got {echo(entry['type'])}", hint=_HINT)
    if not isinstance(function, dict):
        raise UsageError(f"{where}: function has to be an object, got {echo(function)}", hint=_HINT)
    name = function.get("name")
    if name is None:
        raise UsageError(f"{where} has no name", hint=_HINT)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"{where}: name has to be 1 to 64 letters, digits, _ and -, got {echo(name)}")
    for key, kind, expects in (("description", str, "text"), ("parameters", dict, "an object (a JSON schema)")):
        value = function.get(key)
        if value is not None and not isinstance(value, kind):
            raise UsageError(f"{where}, {name}: {key} has to be {expects}, got {echo(value)}")
    return function


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not in JSON")

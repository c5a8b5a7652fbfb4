"""What may stand under the keys of a file of settings; every error names the file, the key and what is expected."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final

from sgl.errors import UsageError, echo

from ..session.options import OPTIONS, Kind, option_name

_EXPECTS: Final[Mapping[Kind, str]] = {
    "number": "a number",
    "integer": "a whole number",
    "switch": "true or false",
    "text": "some text",
    "texts": "some text or a list of texts",
    "json": "a table",
}
_LARGEST: Final = 2**63 - 1
"""No parameter is larger; infinity and what is no number are not at most this either."""


class Table:
    """The keys of one file.

    Args:
        shown: The file, for messages.
        values: What was read.
        known: The keys it may have.

    Raises:
        UsageError: There is another key.
    """

    def __init__(self, shown: str, values: Mapping[str, Any], known: Collection[str]) -> None:
        self._shown = shown
        self._values = values
        for key in values:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"keys: {', '.join(known)}"
                raise UsageError(f"{shown}: there is no setting {echo(key)}", hint=hint)

    def text(self, key: str) -> str:
        """Any text; empty where there is none."""
        value = self._values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(key, "some text", value, hint="put it in quotes")
        return value

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """One of the words."""
        value = self._values.get(key)
        if value is None:
            return default
        if value not in choices:
            near = get_close_matches(str(value), choices, n=1)
            hint = f"did you mean {near[0]}?" if near else None
            raise self._wrong(key, f"one of {', '.join(choices)}", value, hint=hint)
        return str(value)

    def keymap(self, key: str) -> dict[str, str]:
        """Action -> keys, comma separated without blanks around the commas."""
        keymap: dict[str, str] = {}
        for action, keys in self._table(key).items():
            where = f"{key}.{action}"
            if not isinstance(keys, str):
                raise self._wrong(where, "keys such as ctrl+r,f5", keys, hint="put them in quotes")
            words = [word.strip() for word in keys.split(",")] if keys.strip() else []
            if not all(word and word.isprintable() and " " not in word for word in words):
                raise self._wrong(where, "keys such as ctrl+r,f5", keys)
            keymap[action] = ",".join(words)
        return keymap

    def options(self, key: str) -> dict[str, object]:
        """Parameters of requests by their names in the request; null is none."""
        options: dict[str, object] = {}
        for written, value in self._table(key).items():
            try:
                name = option_name(written)
            except UsageError as error:
                raise UsageError(f"{self._shown}: {key}: {error.message}", hint=error.hint) from error
            if name in options:
                raise UsageError(f"{self._shown}: {key}: {name} is there twice", hint=f"leave out {written}")
            if value is None:
                continue
            if not fits(OPTIONS[name], value):
                raise self._wrong(f"{key}.{written}", _EXPECTS[OPTIONS[name]], value)
            options[name] = [value] if OPTIONS[name] == "texts" and isinstance(value, str) else value
        return options

    def _table(self, key: str) -> Mapping[str, Any]:
        value = self._values.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self._wrong(key, "a table of keys and values", value)
        for name in value:
            if not isinstance(name, str):
                raise self._wrong(key, "names as its keys", name, hint="put it in quotes")
        return value

    def _wrong(self, key: str, expects: str, value: object, hint: str | None = None) -> UsageError:
        return UsageError(f"{self._shown}: {key} expects {expects}, got {_quoted(value)}", hint=hint)


def fits(kind: Kind, value: object) -> bool:
    """Whether a value read from a file can be a parameter of this kind."""
    match kind:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST
        case "switch":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str) and value != ""
        case "texts":
            texts = value if isinstance(value, list) else [value]
            return bool(texts) and all(isinstance(text, str) and text for text in texts)
        case "json":
            return isinstance(value, dict) and _is_json(value)


def _quoted(value: object) -> str:
    try:
        return echo(value)
    except ValueError:  # Python refuses to write out a number of many thousand digits.
        return "a number that is too large"


def _is_json(value: object) -> bool:
    """YAML also knows dates, sets and numbers that are none."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False

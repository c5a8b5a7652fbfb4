"""Typed reads of a decoded JSON object, refusing with OpenAI's own words and codes.

A request body is a plain dict after decoding; `Fields` is how every route takes values out of it. A field
that is absent and a field that is null are the same thing: the default. Nothing is ever coerced: true is
not 1, "1" is not 1, 1.0 is not an integer.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping
from typing import Final, TypeVar, cast

import msgspec

from sgl.errors import RequestError, echo

MAX_DEPTH: Final = 64
"""Deepest nesting of arrays and objects in a request body."""

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

Default = TypeVar("Default")


def decode_object(raw: bytes) -> dict[str, object]:
    """Decodes a request body. A name that occurs twice keeps its last value, as everywhere in JSON.

    Raises:
        RequestError: ``raw`` is not UTF-8, not JSON (NaN and Infinity are not), nested deeper than
            `MAX_DEPTH`, or not an object; the message says where.
    """
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise RequestError(f"The request body is not valid JSON: {error}.", code="invalid_json") from None
    except UnicodeDecodeError:
        raise RequestError("The request body is not valid UTF-8.", code="invalid_json") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(body, dict):
        raise RequestError(f"The request body must be a JSON object, but is {kind_of(body)}.", code="invalid_type")
    _check_depth(body)
    return body


def kind_of(value: object) -> str:
    """Words the JSON type of ``value`` as OpenAI's messages do, e.g. "an array"."""
    # bool before int: True is an int in Python, not in JSON.
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a decimal number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "an array"
    return "an object"


class Fields:
    """The fields of one JSON object, read by name and type.

    Every reader takes the value to use when the field is absent or null, and raises `RequestError` with
    ``param`` set to the field's full path when the value is of the wrong type or out of range.

    Args:
        body: The decoded object; not copied, not changed.
        where: Path of the object inside the request, e.g. ``messages[0]``; empty for the request itself.
    """

    def __init__(self, body: Mapping[str, object], where: str = "") -> None:
        self._body = body
        self._where = where
        self._read: set[str] = set()

    def path(self, name: str) -> str:
        """Full path of a field, as it stands in ``param``."""
        return f"{self._where}.{name}" if self._where else name

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.value(name) is not None

    def value(self, name: str) -> object:
        """The field as it was decoded; None when absent or null."""
        self._read.add(name)
        return self._body.get(name)

    def names(self) -> list[str]:
        """Names of all fields in the object."""
        return list(self._body)

    def unread(self) -> list[str]:
        """Names in the object that no reader has asked for: the fields nobody knows."""
        return [name for name in self._body if name not in self._read]

    # -- readers -----------------------------------------------------------------------------------

    def boolean(self, name: str, default: Default) -> bool | Default:
        """True or false."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong_type(name, "a boolean")
        return value

    def integer(self, name: str, default: Default, *, low: int = INT64_MIN, high: int = INT64_MAX) -> int | Default:
        """An integer from ``low`` to ``high``, both included; 64 bits unless said otherwise."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong_type(name, "an integer")
        if value < low:
            raise self._below("integer", name, low, value)
        if value > high:
            raise self._above("integer", name, high, value)
        return value

    def number(self, name: str, default: Default, *, low: float = -math.inf, high: float = math.inf) -> float | Default:
        """A finite number from ``low`` to ``high``, both included; integers are taken as decimals."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong_type(name, "a decimal number")
        # Compared before conversion: float() of an integer beyond 1e308 raises OverflowError.
        if value < max(low, -sys.float_info.max):
            raise self._below("decimal", name, low, value)
        if value > min(high, sys.float_info.max):
            raise self._above("decimal", name, high, value)
        return float(value)

    def string(self, name: str, default: Default, *, min_length: int = 0, max_length: int = 2**31) -> str | Default:
        """A string of ``min_length`` to ``max_length`` characters."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong_type(name, "a string")
        check_length(value, self.path(name), min_length, max_length)
        return value

    def choice(self, name: str, default: Default, allowed: Collection[str]) -> str | Default:
        """One of the ``allowed`` strings."""
        value = self.string(name, None)
        if value is None:
            return default
        if value not in allowed:
            raise self.bad_value(name, f"Supported values are: {', '.join(repr(word) for word in allowed)}.")
        return value

    def array(
        self, name: str, default: Default, *, min_length: int = 0, max_length: int = 2**31
    ) -> list[object] | Default:
        """An array of ``min_length`` to ``max_length`` items of any type."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, list):
            raise self.wrong_type(name, "an array")
        check_count(value, self.path(name), min_length, max_length)
        return value

    def mapping(self, name: str, default: Default) -> dict[str, object] | Default:
        """An object as a plain dict, for values that are passed on whole."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, dict):
            raise self.wrong_type(name, "an object")
        return value

    def object(self, name: str) -> Fields | None:
        """An object to read further; None when absent."""
        value = self.mapping(name, None)
        return None if value is None else Fields(value, self.path(name))

    # -- errors ------------------------------------------------------------------------------------

    def missing(self, name: str) -> RequestError:
        """The error for a required field that is absent or null."""
        param = self.path(name)
        return RequestError(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")

    def wrong_type(self, name: str, expected: str) -> RequestError:
        """The error for a field of another JSON type than ``expected`` ("a string")."""
        return wrong_type(self.path(name), expected, self.value(name))

    def bad_value(self, name: str, advice: str, *, code: str = "invalid_value") -> RequestError:
        """The error for a value of the right type that is not allowed; ``advice`` says what is."""
        return RequestError(
            f"Invalid value for '{self.path(name)}': {echo(self.value(name))}. {advice}",
            param=self.path(name),
            code=code,
        )

    def _below(self, kind: str, name: str, low: float, value: float) -> RequestError:
        return RequestError(
            f"Invalid '{self.path(name)}': {kind} below minimum value. "
            f"Expected a value >= {low}, but got {echo(value)} instead.",
            param=self.path(name),
            code=f"{kind}_below_min_value",
        )

    def _above(self, kind: str, name: str, high: float, value: float) -> RequestError:
        return RequestError(
            f"Invalid '{self.path(name)}': {kind} above maximum value. "
            f"Expected a value <= {high}, but got {echo(value)} instead.",
            param=self.path(name),
            code=f"{kind}_above_max_value",
        )


def wrong_type(param: str, expected: str, value: object) -> RequestError:
    """The error for a value, named by its full path, that is not of the ``expected`` JSON type."""
    return RequestError(
        f"Invalid type for '{param}': expected {expected}, but got {kind_of(value)} instead.",
        param=param,
        code="invalid_type",
    )


def check_length(value: str, param: str, low: int, high: int) -> None:
    """Refuses a string that is shorter than ``low`` or longer than ``high`` characters."""
    if len(value) < low:
        raise RequestError(
            f"Invalid '{param}': string too short. Expected a string with minimum length {low}, "
            f"but got {f'a string with length {len(value)}' if value else 'an empty string'} instead.",
            param=param,
            code="string_below_min_length" if value else "empty_string",
        )
    if len(value) > high:
        raise RequestError(
            f"Invalid '{param}': string too long. Expected a string with maximum length {high}, "
            f"but got a string with length {len(value)} instead.",
            param=param,
            code="string_above_max_length",
        )


def check_count(value: Collection[object], param: str, low: int, high: int) -> None:
    """Refuses an array with fewer than ``low`` or more than ``high`` items."""
    if len(value) < low:
        raise RequestError(
            f"Invalid '{param}': array too short. Expected an array with minimum length {low}, "
            f"but got {f'an array with length {len(value)}' if value else 'an empty array'} instead.",
            param=param,
            code="array_below_min_length" if value else "empty_array",
        )
    if len(value) > high:
        raise RequestError(
            f"Invalid '{param}': array too long. Expected an array with maximum length {high}, "
            f"but got an array with length {len(value)} instead.",
            param=param,
            code="array_above_max_length",
        )


def check_token_ids(value: list[object], param: str, vocab_size: int | None = None) -> list[int]:
    """Takes an array as token ids.

    Raises:
        RequestError: An item is not an integer, is negative, or is not below ``vocab_size`` when given;
            ``param`` names the item, e.g. ``prompt[3]``.
    """
    high = INT64_MAX if vocab_size is None else vocab_size - 1
    ids = cast("list[int]", value)
    # Prompts are long, so the good case runs in C; type() because True would pass as an int.
    if not set(map(type, value)) <= {int} or (value and not 0 <= min(ids) <= max(ids) <= high):
        raise _bad_token_id(value, param, high)
    return ids


def _bad_token_id(value: list[object], param: str, high: int) -> RequestError:
    index, item = next(
        (index, item) for index, item in enumerate(value) if type(item) is not int or not 0 <= item <= high
    )
    where = f"{param}[{index}]"
    if type(item) is not int:
        return wrong_type(where, "an integer", item)
    return RequestError(
        f"Invalid '{where}': {echo(item)} is not a token id of this model (0 to {high}).",
        param=where,
        code="invalid_value",
    )


def _check_depth(body: dict[str, object]) -> None:
    """Walks one nesting level at a time, so that neither depth nor width costs recursion."""
    level: list[object] = [body]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> RequestError:
    return RequestError(
        f"The request body is nested more than {MAX_DEPTH} levels deep; send a flatter one.", code="invalid_json"
    )

"""Data files, read a piece at a time, with the number of the line for errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from sgl.errors import UsageError, echo

_BLOCK: Final = 1 << 20
_CUT: Final = 64
"""Characters before the end of the buffer within which an error may come of the cut, such as in a number."""

_BLANK: Final = " \t\r\n"


class Place(NamedTuple):
    """Where something stands; ``str`` of it is how errors say so."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}, line {self.line}"


class Row(NamedTuple):
    """One JSON object and where it stands."""

    place: Place
    fields: Mapping[str, Any]


def file_name(path: Path) -> str:
    """How errors and results name a file: without the folders, which are nobody else's business."""
    return "".join(character if character.isprintable() else "?" for character in path.name)


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file; it is never held as a whole.

    Raises:
        UsageError: It cannot be read, or is not UTF-8.
    """
    try:
        with path.expanduser().open(encoding="utf-8-sig") as file:
            yield from file
    except UnicodeDecodeError as error:
        raise UsageError(f"{file_name(path)} is not text in UTF-8") from error
    except IsADirectoryError as error:
        raise UsageError(f"{file_name(path)} is a folder, not a file") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read {file_name(path)}: {reason}") from error


def json_lines(source: str, text: Iterable[str]) -> Iterator[Row]:
    """The objects of lines of JSON; empty lines are passed over.

    Raises:
        UsageError: A line is no JSON object; it says which.
    """
    for number, line in enumerate(text, 1):
        if line.strip():
            yield _row(Place(source, number), line)


def json_objects(path: Path) -> Iterator[Row]:
    """The objects of a JSON array, or of lines of JSON; the file is never held as a whole.

    Raises:
        UsageError: It cannot be read, or holds something else; it says where.
    """
    source = file_name(path)
    opening = next((line.lstrip()[:1] for line in lines(path) if line.strip()), "")
    if opening != "[":
        yield from json_lines(source, lines(path))
        return
    try:
        with path.expanduser().open(encoding="utf-8-sig") as file:
            yield from _array(source, file)
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not text in UTF-8") from error


def _row(place: Place, text: str) -> Row:
    try:
        value = json.loads(text)
    except (JSONDecodeError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON: {_reason(error)}") from error
    return _checked(place, value)


def _checked(place: Place, value: object) -> Row:
    if not isinstance(value, dict):
        raise UsageError(f"{place}: expected a JSON object, got {echo(value)}")
    return Row(place, value)


def _array(source: str, file: TextIO) -> Iterator[Row]:
    """The objects of an array; the buffer holds one of them and what was read with it."""
    decoder = JSONDecoder()
    buffer, line, at = "", 1, 0
    opened = ended = False
    while True:
        at = _skipped(buffer, at, "," if opened else "")
        if at >= len(buffer) and not ended:
            line += buffer.count("\n")
            buffer, at = file.read(_BLOCK), 0
            ended = not buffer
            continue
        if not opened and buffer[at : at + 1] == "[":
            opened, at = True, at + 1
            continue
        if buffer[at : at + 1] == "]":
            return
        place = Place(source, line + buffer.count("\n", 0, at))
        if at >= len(buffer):
            raise UsageError(f"{place}: the file ends in the middle; is it complete?")
        try:
            value, end = decoder.raw_decode(buffer, at)
        except RecursionError as error:
            raise UsageError(f"{place}: not JSON: {_reason(error)}") from error
        except JSONDecodeError as error:
            if ended or not _is_cut(error, len(buffer)):
                raise UsageError(f"{Place(source, line + error.lineno - 1)}: not JSON: {_reason(error)}") from error
            more = file.read(max(_BLOCK, len(buffer)))  # Grows with the object, so that a long one is not quadratic.
            line, buffer, at = line + buffer.count("\n", 0, at), buffer[at:] + more, 0
            ended = not more
            continue
        yield _checked(place, value)
        at = end


def _is_cut(error: JSONDecodeError, length: int) -> bool:
    """Whether the error may only mean that the buffer ends in the middle of an object."""
    return error.msg.startswith("Unterminated string") or error.pos > length - _CUT


def _skipped(buffer: str, at: int, separators: str) -> int:
    while at < len(buffer) and (buffer[at] in _BLANK or buffer[at] in separators):
        at += 1
    return at


def _reason(error: Exception) -> str:
    return error.msg.lower() if isinstance(error, JSONDecodeError) else "nested too deeply"

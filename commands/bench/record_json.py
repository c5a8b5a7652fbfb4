"""Records from the JSON form that `Record.to_json` writes: the way back from a result file to figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, get_args

from sgl.errors import UsageError, echo

from .record import Failure, FailureKind, Record

_FIELDS: Final = {field.name for field in fields(Record)}
_TIMES: Final[tuple[str, ...]] = ("sent", "ended", "scheduled")
_COUNTS: Final[tuple[str, ...]] = ("index", "input_tokens", "output_tokens", "cached_tokens", "asked_tokens", "worker")


def read_record(value: Any) -> Record:
    """One record.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(value, Mapping) or not {"index", "sent", "ended"} <= value.keys() <= _FIELDS:
        raise UsageError(f"{echo(value)} is no record of a request")
    given: dict[str, Any] = dict(value)
    for key in given.keys() & {"chunks", "chunk_tokens"}:
        if not isinstance(given[key], list):
            raise _wrong(key, given[key])
        given[key] = tuple(given[key])
    numbers: list[tuple[str, Any]] = [(key, given[key]) for key in (*_TIMES, *_COUNTS) if key in given]
    numbers += [("chunks", came) for came in given.get("chunks", ())]
    times = given.get("server", {})
    if not isinstance(times, Mapping):
        raise _wrong("server", times)
    numbers += [("server", number) for number in times.values()]
    for key, number in numbers:
        if isinstance(number, bool) or not isinstance(number, int if key in _COUNTS else int | float):
            raise _wrong(key, number)
    if not all(isinstance(count, int) for count in given.get("chunk_tokens", ())):
        raise _wrong("chunk_tokens", given["chunk_tokens"])
    if "failure" in given:
        given["failure"] = _failure(given["failure"])
    return Record(**given)


def _failure(value: Any) -> Failure:
    if not isinstance(value, Mapping) or value.get("kind") not in get_args(FailureKind):
        raise _wrong("failure", value)
    status, message = value.get("status"), value.get("message")
    if not isinstance(status, int) or not isinstance(message, str):
        raise _wrong("failure", value)
    return Failure(value["kind"], status, message)


def _wrong(key: str, value: object) -> UsageError:
    return UsageError(f"a record's {key} cannot be {echo(value)}")

"""Reading result files. They come from other machines and other versions: each fault is one clear line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sgl.errors import UsageError, echo

from .metrics.definitions import METRICS
from .result import KIND, SCHEMA_VERSION, SWEEP_KIND, Facts, Result
from .samples import COLUMNS, Samples

_FOREIGN: Final[Mapping[str, str]] = {
    "request_throughput": "vLLM's or SGLang's benchmark",
    "benchmarks": "GuideLLM",
    "rps": "oha",
}
"""Keys that others' result files have."""

_SECOND: Final = ("start_s", "seconds", "in_flight", "out_tok", "ended", "failed")
_STEADY: Final = ("start_s", "duration_s", "out_tok_s", "req_s")


class _Damaged(Exception):
    """What is wrong, without the file's name."""


def read_result(path: Path) -> Result:
    """Reads a result file.

    Raises:
        UsageError: It cannot be read, is no result, is of a newer version, or is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path.name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is not UTF-8 text") from error
    return parse_result(text, path.name)


def parse_result(text: str, name: str = "the result") -> Result:
    """The same of text; ``name`` is for messages."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise UsageError(f"{name} is damaged: it is nested too deeply") from error
    except ValueError as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{name} is no JSON{where}", hint=_save_hint()) from error
    return from_json(value, name)


def from_json(value: Any, name: str = "the result") -> Result:
    """A result from its JSON form.

    Raises:
        UsageError: It is no result, is of a newer version, or is damaged.
    """
    if isinstance(value, dict) and value.get("kind") == SWEEP_KIND:
        hint = "sgl bench report shows it, sgl bench compare takes two; each of its 'runs' is a result of its own"
        raise UsageError(f"{name} is a sweep: several results in one file", hint=hint)
    if not isinstance(value, dict) or value.get("kind") != KIND:
        keys = value if isinstance(value, dict) else {}
        other = next((f"; it looks like one of {owner}" for key, owner in _FOREIGN.items() if key in keys), "")
        raise UsageError(f"{name} is no result of sgl bench{other}", hint=_save_hint())
    version = value.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UsageError(f"{name} is damaged: schema_version is {echo(version)}")
    if version > SCHEMA_VERSION:
        writer = echo(value.get("sgl_version"))
        raise UsageError(
            f"{name} is of a newer form ({version}, written by sgl {writer}); this sgl reads {SCHEMA_VERSION}",
            hint="update sgl",
        )
    try:
        return _build(value)
    except _Damaged as damage:
        raise UsageError(f"{name} is damaged: {damage}") from damage


def _build(value: dict[str, Any]) -> Result:
    facts = Facts(
        _text(value, "sgl_version"),
        _text(value, "name"),
        **{part: _table(value, part) for part in ("host", "server", "client", "dataset", "config")},
    )
    summary = _table(value, "summary")
    _check_summary(summary)
    steady = _table(value, "steady_state") if value.get("steady_state") is not None else None
    slo = _table(value, "slo") if value.get("slo") is not None else None
    if steady is not None:
        _check_numbers(steady, _STEADY, "steady_state")
    if slo is not None:
        _check_slo(slo)
    timeline = _tables(value, "timeline_1s")
    for second in timeline:
        _check_numbers(second, _SECOND, "timeline_1s")
    load = _table(value, "load")
    for key in ("concurrency", "rate"):
        if load.get(key) is not None:
            _check_numbers(load, (key,), "load")
    return Result(
        facts=facts,
        started=_text(value, "started"),
        load={key: load.get(key) for key in ("concurrency", "rate")},
        summary=summary,
        steady_state=steady,
        slo=slo,
        timeline=timeline,
        samples=_samples(_table(value, "samples")),
        requests=_tables(value, "requests") if "requests" in value else None,
    )


def _check_summary(summary: Mapping[str, Any]) -> None:
    _check_numbers(summary, ("duration_s", "error_rate", "req_s", "out_tok_s"), "summary")
    _check_numbers(_table(summary, "requests"), ("sent", "ok", "failed"), "summary.requests")
    for metric in METRICS:
        if metric.spread:
            key = metric.path[-1]
            if key not in summary:
                raise _Damaged(f"summary has no {key}")
            if summary[key] is not None:
                _check_numbers(_table(summary, key), ("count", "observations", "mean", "min", "max"), key)
    if not isinstance(summary.get("client", {}), dict):
        raise _Damaged("summary.client is no table")


def _check_slo(slo: Mapping[str, Any]) -> None:
    _check_numbers(slo, ("goodput_req_s", "attainment", "good", "sent"), "slo")
    limits = _table(slo, "per_slo")
    for limit in limits:
        _check_numbers(_table(limits, limit), ("limit_ms", "attainment"), limit)


def _samples(table: Mapping[str, Any]) -> Samples:
    _check_numbers(table, ("answered",), "samples")
    columns = {}
    for column in COLUMNS:
        values = table.get(column)
        if not isinstance(values, list) or not all(value is None or _is_number(value) for value in values):
            raise _Damaged(f"samples.{column} is no list of numbers")
        columns[column] = tuple(values)
    if len({len(values) for values in columns.values()}) > 1:
        raise _Damaged("the columns of samples are not of one length")
    return Samples(int(table["answered"]), columns)


def _table(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    if not isinstance(found, dict):
        raise _Damaged(f"{key} is missing" if found is None else f"{key} is no table")
    return found


def _tables(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = value.get(key)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise _Damaged(f"{key} is no list of tables")
    return found


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise _Damaged(f"{key} is no text")
    return found


def _check_numbers(table: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
    for key in keys:
        if not _is_number(table.get(key)):
            raise _Damaged(f"{place}.{key} is no number")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # An integer beyond what a float holds: no figure of ours.
        return False


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _save_hint() -> str:
    return "sgl bench --save FILE writes one"

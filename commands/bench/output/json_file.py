"""Result files: one run, or the runs of a sweep in one file.

A sweep is ``{"schema_version": 1, "kind": "sgl bench sweep", "runs": [...]}``; each of the runs is a whole result, and
can be cut out and read alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sgl.errors import UsageError

from ..compare.outcome import Outcome
from ..compare.rows import Comparison
from ..result import SCHEMA_VERSION, SWEEP_KIND, Result
from ..result_file import from_json, read_result
from .facts import load
from .lookup import text
from .writing import write_text

COMPARISON_KIND: Final = "sgl bench comparison"
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")


def save(place: Path, results: Sequence[Result]) -> Path:
    """Writes one run or a sweep; a folder takes a file that is named after model, load and time.

    Returns:
        The file.

    Raises:
        UsageError: It cannot be written.
    """
    path = place / file_name(results) if place.is_dir() else place
    write_text(path, json_text(results))
    return path


def json_text(results: Sequence[Result]) -> str:
    """The file of one run, or of the runs of a sweep. There is at least one."""
    if len(results) == 1:
        return results[0].to_text()
    runs = ",\n".join(result.to_text().rstrip("\n") for result in results)
    return f'{{\n"schema_version": {SCHEMA_VERSION},\n"kind": {json.dumps(SWEEP_KIND)},\n"runs": [\n{runs}\n]\n}}\n'


def read_results(path: Path) -> tuple[Result, ...]:
    """The runs of a file that `save` wrote; one, or more of a sweep.

    Raises:
        UsageError: It cannot be read, is no result, is of a newer version, or is damaged.
    """
    document = _sweep(path)
    if document is None:
        return (read_result(path),)
    runs, version = document.get("runs"), document.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UsageError(f"{path.name} is of a newer form ({version}); this sgl reads {SCHEMA_VERSION}")
    if not isinstance(runs, list) or not runs:
        raise UsageError(f"{path.name} is damaged: runs is no list of results")
    return tuple(from_json(run, f"{path.name}, run {number}") for number, run in enumerate(runs, 1))


def comparison_text(comparison: Comparison, outcomes: Sequence[Outcome] = ()) -> str:
    """A comparison, and what was asked of it, as a JSON document."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": COMPARISON_KIND,
        **comparison.to_json(),
        "outcomes": [outcome.to_json() for outcome in outcomes],
    }
    return json.dumps(document, indent=2) + "\n"


def file_name(results: Sequence[Result]) -> str:
    """Such as ``Qwen3-0.6B-concurrency-64-20261130T011500.json``; times of two runs differ, so do their names."""
    first = results[0]
    model = text(first.server, "model").rstrip("/").rpartition("/")[2] or "model"
    shape = load(first) if len(results) == 1 else "sweep"
    moment = first.started[:19].replace("-", "").replace(":", "")
    letters = "-".join(filter(None, (model[:60], shape, moment)))
    return "".join(letter if letter in _PLAIN else "-" for letter in letters).replace("--", "-").lstrip(".-") + ".json"


def _sweep(path: Path) -> Mapping[str, Any] | None:
    """The document of a sweep; None when it is something else, of which `read_result` will say what is wrong."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and document.get("kind") == SWEEP_KIND else None

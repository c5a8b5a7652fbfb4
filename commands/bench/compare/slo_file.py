"""``slo.toml``: assertions and limits that live beside the code they protect."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from sgl.config.file_error import SyntaxProblem
from sgl.config.file_toml import parse_toml
from sgl.errors import UsageError, echo

from ..metrics.slo import Slo, parse_slos
from .assertions import Assertion, parse_assertions

KEYS: Final = ("assert", "goodput")


class SloFile(NamedTuple):
    """What a file asks.

    Attributes:
        assertions: Of its list ``assert``.
        slos: Of its list ``goodput``.
    """

    assertions: tuple[Assertion, ...]
    slos: tuple[Slo, ...]


def read_slo_file(path: Path) -> SloFile:
    """Reads ``assert = ["ttft.p99<200ms"]`` and ``goodput = ["ttft:200"]``; presets count in both.

    Raises:
        UsageError: It cannot be read, or asks for something that there is not; the file is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path.name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is not UTF-8 text") from error
    return parse_slo_file(text, path.name)


def parse_slo_file(text: str, name: str) -> SloFile:
    """The same of text; ``name`` is for messages."""
    try:
        table = parse_toml(text)
    except SyntaxProblem as problem:
        place = name if problem.line is None else f"{name}, line {problem.line}"
        raise UsageError(f"{place}: {problem.message}", hint=problem.hint) from problem
    for key in table:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"keys are {' and '.join(KEYS)}"
            raise UsageError(f"{name}: there is no key {echo(key)}", hint=hint)
    try:
        return SloFile(
            parse_assertions(_texts(table.get("assert", []), "assert")),
            parse_slos(_texts(table.get("goodput", []), "goodput")),
        )
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", hint=error.hint) from error


def _texts(value: Any, key: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise UsageError(f"{key} has to be a list of texts", hint=f'{key} = ["..."]')
    return values

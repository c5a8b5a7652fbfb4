"""``python -m tests.zoo.table``: runs the zoo and writes what it proves into docs/models.md, between its markers.

Every test of this folder counts for the rows that it is parametrised with (`Family`, `Format`). The exit code is the
one of pytest; rows that failed are in the tables as such.
"""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from sgl.models.table import FAMILIES as ARCHITECTURES
from tests.zoo.families import FAMILIES
from tests.zoo.family import Family
from tests.zoo.formats import FORMATS, Format

PAGE: Final = Path(__file__).parents[2] / "docs" / "models.md"
SCHEME_TESTS: Final = {"test_mxfp4": "mxfp4"}
"""Modules whose tests are all about one scheme that is no `Format`."""
FIELDS: Final = (
    "quant_method",
    "format",
    "bits",
    "num_bits",
    "type",
    "group_size",
    "desc_act",
    "sym",
    "symmetric",
    "checkpoint_format",
    "version",
    "zero_point",
    "strategy",
    "actorder",
    "activation_scheme",
    "weight_block_size",
    "block_structure",
)
"""What the table tells of a ``quantization_config``, in this order."""


@dataclass
class Count:
    """Tests of one row."""

    passed: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return f"**{self.failed} of {self.passed + self.failed} failed**" if self.failed else f"{self.passed} passed"


class Recorder:
    """A plugin of pytest that counts tests by row."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Count] = defaultdict(Count)
        self._rows: dict[str, tuple[str, ...]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self._rows[item.nodeid] = tuple(rows_of(item))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome != "failed":
            return
        for row in self._rows[report.nodeid]:
            count = self.counts[row]
            if report.outcome == "passed":
                count.passed += 1
            else:
                count.failed += 1


def rows_of(item: pytest.Item) -> Iterator[str]:
    """The rows of the zoo that a test is about."""
    callspec = getattr(item, "callspec", None)
    for value in () if callspec is None else callspec.params.values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, (Family, Format)):
                yield each.name
    module = item.nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")
    if module in SCHEME_TESTS:
        yield SCHEME_TESTS[module]


def families_table(counts: Mapping[str, Count]) -> str:
    """One line per architecture: its family, and the rows that prove it."""
    rows: defaultdict[str, list[str]] = defaultdict(list)
    for family in FAMILIES:
        rows[type(family.make()).__name__].append(family.name)
    lines = [
        (f"`{name}`", family_of(name), ", ".join(f"`{row}`" for row in rows[name]), added(counts, rows[name]))
        for name in sorted(ARCHITECTURES)
    ]
    return table(("architecture", "family", "rows of the zoo", "tests"), lines)


def schemes_table(counts: Mapping[str, Count]) -> str:
    """One line per way to store weights."""
    lines = [(f"`{each.name}`", described(each.config), added(counts, [each.name])) for each in FORMATS]
    lines += [(f"`{name}`", f"quant_method {name}", added(counts, [name])) for name in SCHEME_TESTS.values()]
    return table(("row of the zoo", "`quantization_config`", "tests"), lines)


def family_of(architecture: str) -> str:
    """The family's file, and the first line that it says about itself."""
    target = ARCHITECTURES.target(architecture).partition(":")[0]
    text = (importlib.import_module(target).__doc__ or "").partition("\n\n")[0].replace("\n", " ").strip()
    return f"`{target.replace('.', '/')}.py`: {text}".replace("|", "\\|")


def described(config: Mapping[str, Any]) -> str:
    """A ``quantization_config`` in one cell."""
    flat = dict(config)
    for group in config.get("config_groups", {}).values():
        flat |= {name: value for name, value in group["weights"].items() if value is not None}
        inputs = group.get("input_activations")
        flat["activations"] = None if inputs is None else f"{inputs['type']}{inputs['num_bits']}"
    told = (*FIELDS, "activations")
    return ", ".join(f"{name} {_plain(flat[name])}" for name in told if flat.get(name) is not None)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def added(counts: Mapping[str, Count], rows: Iterable[str]) -> str:
    """All tests of some rows; a row without any is told."""
    total = Count()
    for row in rows:
        total.passed += counts[row].passed if row in counts else 0
        total.failed += counts[row].failed if row in counts else 0
    return str(total) if total.passed or total.failed else "**none**"


def table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """In Markdown."""
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" if row[0] != "---" else "|---" * len(row) + "|" for row in rows)


def rewritten(page: str, name: str, content: str) -> str:
    """``page`` with other content between its markers ``<!-- name: ... -->`` and ``<!-- end of name -->``."""
    before, found, rest = page.partition(f"<!-- {name}: ")
    marker, closed, rest = rest.partition("-->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not (found and closed and end):
        raise ValueError(f"{PAGE} has no markers for {name!r}")
    return f"{before}{found}{marker}{closed}{content}\n{end}{after}"


def main() -> int:
    recorder = Recorder()
    # This module has imported packages whose asserts pytest would have rewritten; no test is among them.
    quiet = "ignore::pytest.PytestAssertRewriteWarning"
    # test_table.py reads the page that is yet to be written.
    folder = Path(__file__).parent
    code = pytest.main(["-q", "-W", quiet, f"--ignore={folder / 'test_table.py'}", str(folder)], plugins=[recorder])
    page = rewritten(PAGE.read_text(encoding="utf-8"), "families", families_table(recorder.counts))
    PAGE.write_text(rewritten(page, "schemes", schemes_table(recorder.counts)), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())

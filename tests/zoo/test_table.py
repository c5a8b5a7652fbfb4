"""The tables of docs/models.md are those of the code: every architecture, every row of the zoo, and nothing failed."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sgl.models.table import FAMILIES as ARCHITECTURES
from tests.zoo.families import FAMILIES
from tests.zoo.family import Family
from tests.zoo.formats import FORMATS
from tests.zoo.table import PAGE, SCHEME_TESTS, Recorder, described, family_of, rewritten

AGAIN = "python -m tests.zoo.table writes it"


def rows(name: str) -> list[list[str]]:
    """Cells of the lines between two markers, without the head."""
    inside = PAGE.read_text(encoding="utf-8").partition(f"<!-- {name}: ")[2].partition(f"<!-- end of {name} -->")[0]
    lines = [line for line in inside.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def test_every_architecture_has_its_line_and_its_rows() -> None:
    told = {architecture.strip("`"): (family, names) for architecture, family, names, _ in rows("families")}
    assert told.keys() == set(ARCHITECTURES), AGAIN
    for architecture, (family, _) in told.items():
        assert family == family_of(architecture), AGAIN
    made = {f"`{family.name}`": type(family.make()).__name__ for family in FAMILIES}
    for architecture, (_, names) in told.items():
        wanted = [name for name, maker in made.items() if maker == architecture]
        assert names == ", ".join(wanted), AGAIN
        assert wanted, f"no row of the zoo makes a {architecture}"
    assert set(made.values()) <= told.keys()


def test_every_scheme_has_its_line() -> None:
    told = [(name.strip("`"), config) for name, config, _ in rows("schemes")]
    wanted = [(each.name, described(each.config)) for each in FORMATS]
    assert told[: len(wanted)] == wanted, AGAIN
    assert [name for name, _ in told[len(wanted) :]] == list(SCHEME_TESTS.values()), AGAIN


def test_every_line_is_proved() -> None:
    for *cells, tests in [*rows("families"), *rows("schemes")]:
        assert re.fullmatch(r"[1-9]\d* passed", tests), f"{cells[0]}: {tests}"


def test_names_of_rows_are_their_own() -> None:
    names = [*(family.name for family in FAMILIES), *(each.name for each in FORMATS), *SCHEME_TESTS.values()]
    assert len(names) == len(set(names))


def test_code_on_the_page_is_code_of_the_repository(root: Path) -> None:
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    code = "\n".join(
        path.read_text() for folder in ("sgl/models", "tests/zoo") for path in (root / folder).glob("*.py")
    )
    flat = " ".join(code.split())
    assert len(blocks) == 4
    for block in blocks:
        assert " ".join(block.split()) in flat


def test_only_what_is_between_the_markers_changes() -> None:
    page = "a\n<!-- x: how -->\nold\n<!-- end of x -->\nb"
    assert rewritten(page, "x", "new") == "a\n<!-- x: how -->\nnew\n<!-- end of x -->\nb"
    with pytest.raises(ValueError, match="no markers for 'y'"):
        rewritten(page, "y", "new")


def test_tests_are_counted_by_row_and_a_failure_is_told() -> None:
    good, bad = (Family(name, lambda: pytest.fail("not made here")) for name in ("good", "bad"))
    items = [
        SimpleNamespace(nodeid="tests/zoo/test_parity.py::a", callspec=SimpleNamespace(params={"x": good, "size": 1})),
        SimpleNamespace(nodeid="tests/zoo/test_parity.py::b", callspec=SimpleNamespace(params={"x": (bad, len)})),
        SimpleNamespace(nodeid="tests/zoo/test_mxfp4.py::c"),
        SimpleNamespace(nodeid="tests/zoo/test_long_context.py::d"),
    ]
    recorder = Recorder()
    recorder.pytest_collection_modifyitems(cast(Any, items))
    for item in items:
        for when in ("setup", "call", "teardown"):
            outcome = "failed" if item.nodeid.endswith("b") and when == "call" else "passed"
            recorder.pytest_runtest_logreport(
                cast(Any, SimpleNamespace(nodeid=item.nodeid, when=when, outcome=outcome))
            )
    assert {name: str(count) for name, count in recorder.counts.items()} == {
        "good": "1 passed",
        "bad": "**1 of 1 failed**",
        "mxfp4": "1 passed",
    }

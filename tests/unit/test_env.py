"""Variables that have no flag: typed, and strict about their values."""

from __future__ import annotations

import pytest

from sgl.config.flags import SERVE_FLAGS
from sgl.env import DEBUG, VARIABLES, parse_switch
from sgl.errors import UsageError


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), (" on ", True), ("no", False), ("0", False)])
def test_switches(text: str, value: bool) -> None:
    assert parse_switch(text) is value
    assert DEBUG.read({"SGL_DEBUG": text}) is value


def test_an_unset_variable_is_its_default() -> None:
    assert DEBUG.read({}) is False


@pytest.mark.parametrize("text", ["", "2", "maybe", "\x1b[31m"])
def test_a_bad_value_raises_and_names_the_variable(text: str) -> None:
    with pytest.raises(UsageError, match="SGL_DEBUG expects 1 or 0, got '") as caught:
        DEBUG.read({"SGL_DEBUG": text})
    assert "\x1b" not in caught.value.message


def test_every_variable_is_documented_and_belongs_to_no_flag() -> None:
    for variable in VARIABLES:
        assert variable.name.startswith("SGL_")
        assert variable.help.endswith(".")
        assert variable.name not in {flag.variable for flag in SERVE_FLAGS}

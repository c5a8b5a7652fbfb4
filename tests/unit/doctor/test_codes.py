"""The table of codes."""

from __future__ import annotations

import pytest

from sgl.doctor.codes import CODES, explain
from sgl.doctor.machine_codes import MACHINE_CODES
from sgl.doctor.serve_codes import SERVE_CODES
from sgl.errors import UsageError


def test_no_code_is_given_twice() -> None:
    assert len(CODES) == len(MACHINE_CODES) + len(SERVE_CODES)


@pytest.mark.parametrize("name", CODES)
def test_every_code_is_explained_on_a_page_of_80_columns(name: str) -> None:
    page = explain(name)
    assert page.startswith(f"{name}: ")
    assert "What to do: " in page
    assert max(map(len, page.splitlines())) <= 80
    assert page.isascii()
    assert name.startswith("SGL")
    assert name[3:].isdecimal()


def test_spellings() -> None:
    assert explain("sgl204") == explain("204") == explain("SGL204")


@pytest.mark.parametrize(("name", "hint"), [("SGL2044", "did you mean SGL204?"), ("x", "codes look like SGL101")])
def test_an_unknown_code(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="unknown code") as caught:
        explain(name)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)

"""The layout of the report: remedies stay copyable, text from outside stays harmless."""

from __future__ import annotations

import io
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.doctor.finding import Finding
from sgl.doctor.subject import Subject
from sgl.doctor.text import command_lines, text_report
from sgl.terminal import Terminal

THING = Subject("SGL101", "python", "thing")


def report(*findings: Finding, encoding: str = "utf-8") -> str:
    return text_report(findings, Terminal(io.TextIOWrapper(io.BytesIO(), encoding=encoding), {}))


def test_a_short_remedy_stands_on_the_line() -> None:
    assert report(THING.warn("is odd", "mend it")).splitlines() == [
        "python",
        "  ! thing  is odd (SGL101)  → mend it",
        "",
        "1 warning, 0 ok: this machine can serve; ! says what could be better",
    ]


def test_a_long_one_has_its_own() -> None:
    lines = report(THING.error("is odd " * 9, "mend --with care")).splitlines()
    assert lines[-3].strip() == "→ mend --with care"


@given(st.lists(st.text("abc-/=.,<>'\"", min_size=1, max_size=30), min_size=1, max_size=12), st.integers(20, 80))
def test_a_wrapped_command_is_the_same_for_a_shell(words: list[str], columns: int) -> None:
    command = shlex.join(words)
    joined = "\n".join(command_lines(command, columns)).replace("\\\n", "")
    assert shlex.split(joined) == words


def test_control_characters_of_other_programs_are_shown_not_sent() -> None:
    page = report(THING.ok("a name\x1b]0;title\x07 with\nmore"))
    assert "\x1b" not in page
    assert "\\x1b]0;title\\x07" in page


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_lacks_is_replaced(encoding: str) -> None:
    page = report(THING.ok("ein Pfad: /home/дом"), encoding=encoding)
    assert "/home/???" in page
    page.encode(encoding)


def test_findings_need_a_remedy() -> None:
    with pytest.raises(ValueError, match="remedy"):
        THING.warn("is odd", "")

"""Titles and last lines fit where they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.chat.text.oneline import TITLE_LETTERS, fit, last_line, one_line, title_from

ANY = st.text(alphabet=st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", ""),
        ("  short \n title ", "short title"),
        ("a" * 60, "a" * 49 + "…"),
        ("word " * 20, "word word word word word word word word word word…"[:50]),
        ("\x1b]0;x\x07shown", "shown"),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert title_from(text) == title


@given(ANY)
def test_titles_are_one_line_of_limited_length(text: str) -> None:
    for line in (title_from(text), last_line(text), one_line(text)):
        assert "\n" not in line
        assert line == line.strip()
    assert len(title_from(text)) <= TITLE_LETTERS


def test_the_last_line_that_says_something() -> None:
    assert last_line("one\ntwo  words\n \n") == "two words"
    assert last_line("\n \n") == ""
    assert last_line("x " * 500, 10) == "x x x x x…"


def test_a_cut_keeps_whole_words_where_it_can() -> None:
    assert fit("one two three", 9) == "one two…"
    assert fit("onetwothree", 6) == "onetw…"
    assert fit("fits", 4) == "fits"

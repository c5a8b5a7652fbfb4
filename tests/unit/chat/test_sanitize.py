"""Text of a model never drives the terminal, however it is cut; what people write stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.chat.text.sanitize import LONGEST_STRING, Sanitizer, sanitize

from .chunks import SIZES, cut

ESC = "\x1b"


def streamed(text: str, sizes: list[int]) -> str:
    stream = Sanitizer()
    return "".join([*map(stream.feed, cut(text, sizes)), stream.close()])


@pytest.mark.parametrize(
    "text",
    [
        "plain text, ünïcode, 漢字, العربية, עברית, emoji 👩‍👩‍👧 and ⚠️",
        "tabs\tand\nnewlines",
        "no-break\u00a0space, soft\u00adhyphen, marks\u200e\u200f",
    ],
)
def test_text_stays(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize(
    ("sequence", "left"),
    [
        ("\x1b[31m", ""),
        ("\x1b[2J\x1b[H", ""),
        ("\x1b[38;2;1;2;3m", ""),
        ("\x1b[?1049h", ""),
        ("\x1b]0;title\x07", ""),
        ("\x1b]52;c;cGF5bG9hZA==\x1b\\", ""),
        ("\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2;0;0;0#0~~@@\x1b\\", ""),
        ("\x1b_G payload\x1b\\", ""),
        ("\x1b^privacy\x1b\\\x1bXstart\x1b\\", ""),
        ("\x9b31m", ""),
        ("\x9d0;title\x9c", ""),
        ("\x90payload\x1b\\", ""),
        ("\x1b(0\x1bc\x1b7", ""),
        ("\x1b\x1b[31m", ""),
        ("\x1b]0;a\x1b[31mb", "b"),
        ("\r\b\x07\x00\x0b\x0c\x7f\x85", ""),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("\u2028\u2029", "\n\n"),
        ("\ud83d\ude00", "😀"),
        ("\ud83dx\ude00", "\ufffdx\ufffd"),
    ],
)
@given(sizes=SIZES)
def test_sequences_go_wherever_they_are_cut(sequence: str, left: str, sizes: list[int]) -> None:
    assert streamed(f"before{sequence}after", sizes) == f"before{left}after"


def test_an_unfinished_sequence_never_appears() -> None:
    for sequence in ("\x1b", "\x1b[", "\x1b[31", "\x1b]0;title", "\x1b]0;title\x1b", "\x1bP", "\x9d"):
        assert sanitize(f"text{sequence}") == "text"


def test_a_string_without_an_end_costs_its_line_only() -> None:
    assert sanitize("a\x1b]0;title\nnext line") == "a\nnext line"
    long = "x" * (2 * LONGEST_STRING)
    assert sanitize(f"\x1b]{long}") == "x" * LONGEST_STRING


@given(
    st.text(
        alphabet=st.sampled_from(
            [*"ab;0[]PX^_\\m\n\t ", ESC, "\x07", "\x18", "\x9b", "\x9c", "\x9d", "\ud83d", "\ude00"]
        )
    ),
    SIZES,
)
def test_cuts_change_nothing(text: str, sizes: list[int]) -> None:
    assert streamed(text, sizes) == sanitize(text)


@given(st.text(alphabet=st.characters(codec=None)), SIZES)
def test_nothing_dangerous_is_left_of_any_text(text: str, sizes: list[int]) -> None:
    clean = streamed(text, sizes)
    assert clean == sanitize(text) == sanitize(clean)
    clean.encode()
    left = {letter for letter in clean if unicodedata.category(letter) in ("Cc", "Zl", "Zp")}
    assert left <= {"\n", "\t"}
    assert not {letter for letter in clean if "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"}

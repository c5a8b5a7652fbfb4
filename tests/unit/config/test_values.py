"""Kinds of values: what each reads, and that it refuses everything else with `ValueError`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.config.values import Choice, Integer, Kind, Real, Secret, Switch, Text, Value, Words, human_integer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("8192", 8192),
        ("-3", -3),
        ("8k", 8000),
        ("8K", 8192),
        ("8Ki", 8192),
        ("25.6k", 25600),
        (".5k", 500),
        ("1.5Ki", 1536),
        ("2m", 2_000_000),
        ("4M", 4 * 1024**2),
        ("4Mi", 4 * 1024**2),
        ("1g", 10**9),
        ("1G", 2**30),
        ("1T", 2**40),
        ("0.1k", 100),
    ],
)
def test_human_integers(text: str, value: int) -> None:
    assert human_integer(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "k", "i", "8i", "8ki", "8kk", "8 k", " 8", "8,000", "1e3", "0x10", "1_000", "1.2.3"),
        *("8.0001k", "25.6K", "+8", "--8", "-", ".", "-k", "inf", "nan", "٣", "²", "8\n", "9" * 5000),
    ],
)
def test_what_is_no_human_integer(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a whole number|digits"):
        human_integer(text)


@given(st.integers(min_value=-(2**70), max_value=2**70))
def test_plain_digits_are_read_exactly(value: int) -> None:
    assert human_integer(str(value)) == value


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    kinds: list[Kind] = [Integer(0, 2**40, auto=True), Real(0, 1), Choice({"a": 1}), Switch(), Secret(), Text()]
    for kind in [*kinds, Words("names", "NAMES")]:
        try:
            kind.parse(text)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Integer(1, 9, auto=True), "auto", None),
        (Integer(1, 9), "9", 9),
        (Real(0, 1), "1", 1.0),
        (Real(0, 1, auto=True), "auto", None),
        (Real(0, closed=True), "0", 0.0),
        (Real(0), "1e3", 1000.0),
        (Choice({"auto": None, "float16": "float16"}, {"half": "float16"}), "half", "float16"),
        (Choice({"auto": None}), "auto", None),
        (Choice({"cpu": "cpu"}, unready={"cuda": "cuda"}), "cuda", "cuda"),
        (Switch(), "yes", True),
        (Switch(given=False), "1", False),
        (Switch(given=False), "off", True),
        (Words("names", "NAMES"), "a, b,c", ("a", "b", "c")),
        (Secret(), "s3cret", ("s3cret",)),
        (Text(), " as it is ", " as it is "),
    ],
)
def test_values(kind: Kind, text: str, value: Value) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Integer(1, 9), "10"),
        (Integer(1, 9), "0"),
        (Integer(1, 9), "auto"),
        (Real(0, 1), "0"),
        (Real(0, 1), "1.01"),
        (Real(0), "inf"),
        (Real(0), "nan"),
        (Choice({"a": 1}), "A"),
        (Switch(), ""),
        (Switch(), "2"),
        (Words("names", "NAMES"), "a,,b"),
        (Words("names", "NAMES"), "a b"),
        (Words("names", "NAMES"), "a\x1b[31m"),
        (Secret(), ""),
        (Secret(), "two words"),
        (Secret(), "umläut"),
        (Text(), ""),
    ],
)
def test_refused_values(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is for no one: the parser writes the message.
        kind.parse(text)


def test_a_bad_key_is_not_in_the_error() -> None:
    with pytest.raises(ValueError, match="not a key"):
        Secret().parse("my secret")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Integer(1, 1024, auto=True), "'auto' or an integer from 1 to 1024"),
        (Integer(0, 2**40), "an integer of at least 0 (8k = 8000, 8K = 8192)"),
        (Real(0, 1), "a number above 0 and at most 1"),
        (Real(0, unit="seconds", closed=True), "seconds of at least 0"),
        (Choice({"fcfs": 1, "lpm": 2}, {"x": "lpm"}, {"y": 3}), "one of fcfs, lpm"),
    ],
)
def test_what_is_expected_in_words(kind: Kind, words: str) -> None:
    assert kind.expects == words

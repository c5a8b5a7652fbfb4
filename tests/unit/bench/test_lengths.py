"""Lengths in words, and what is drawn from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.errors import UsageError
from sgl_cli.bench.data.draw import shuffled, stream
from sgl_cli.bench.data.lengths import (
    Fixed,
    Lengths,
    LogNormal,
    Normal,
    Uniform,
    fitted,
    parse_lengths,
    range_around,
    range_of,
)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("256", Fixed(256)),
        ("1k", Fixed(1000)),
        ("1K", Fixed(1000)),
        ("100-1024", Uniform(100, 1024)),
        ("1k-2k", Uniform(1000, 2000)),
        ("5-5", Fixed(5)),
        ("normal:512:128", Normal(512, 128)),
        ("lognormal:512:0", LogNormal(512, 0)),
        ("1024:0.5", Uniform(512, 1024)),
        ("1024:0", Uniform(1, 1024)),
        ("1024:1", Fixed(1024)),
    ],
)
def test_forms(text: str, lengths: Lengths) -> None:
    assert parse_lengths(text, "--input-len") == lengths


@pytest.mark.parametrize("text", ["1-3", "7", "normal:512:128", "lognormal:64:8"])
def test_what_is_shown_can_be_typed(text: str) -> None:
    assert str(parse_lengths(text, "--input-len")) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "write 1k, 100-1024"),
        ("", "write 1k"),
        ("0", "at least 1"),
        ("-5", "write 1k"),
        ("200-100", "the smaller number comes first: 100-200"),
        ("normal:512", "a mean and a standard deviation"),
        ("normal:0:1", "at least 1"),
        ("1024:1.5", "from 0 to 1"),
        ("1024:x", "write 1k"),
        ("1:2:3", "write 1k"),
        ("zipf:2", "write 1k"),
    ],
)
def test_errors_say_what_to_write(text: str, words: str) -> None:
    with pytest.raises(UsageError, match="--input-len expects a length in tokens") as caught:
        parse_lengths(text, "--input-len")
    assert words in str(caught.value.hint)


@pytest.mark.parametrize("text", ["64", "100-1024", "normal:512:128", "lognormal:512:256", "normal:2:50"])
def test_draws_are_seeded_and_at_least_one(text: str) -> None:
    lengths = parse_lengths(text, "--input-len")
    once, again = stream(7, "x"), stream(7, "x")
    drawn = [lengths.draw(once) for _ in range(2000)]
    assert drawn == [lengths.draw(again) for _ in range(2000)]
    assert min(drawn) >= 1
    if text != "normal:2:50":  # Half of that one is below 1.
        assert sum(drawn) / len(drawn) == pytest.approx(lengths.mean, rel=0.05)


def test_a_uniform_length_reaches_both_ends() -> None:
    draw = stream("ends")
    assert {Uniform(3, 6).draw(draw) for _ in range(200)} == {3, 4, 5, 6}


def test_the_two_meanings_of_a_range_ratio() -> None:
    assert range_of(1024, 0.25) == Uniform(256, 1024)
    assert range_around(1000, 0.25) == Uniform(750, 1250)
    assert range_around(1024, 0) == Fixed(1024)
    assert range_of(4, 0) == Uniform(1, 4)


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(2, 5_000))
def test_what_is_fitted_fits(prompt: int, answer: int, context: int) -> None:
    short_prompt, short_answer = fitted(prompt, answer, context)
    assert 1 <= short_prompt <= prompt
    assert 1 <= short_answer <= answer
    assert short_prompt + short_answer <= context
    if prompt + answer <= context:
        assert (short_prompt, short_answer) == (prompt, answer)


def test_without_a_context_nothing_is_shortened() -> None:
    assert fitted(9, 9, None) == (9, 9)


def test_a_shuffle_keeps_all_and_changes_the_order() -> None:
    mixed = shuffled(stream(1), range(50))
    assert sorted(mixed) == list(range(50))
    assert mixed != list(range(50))

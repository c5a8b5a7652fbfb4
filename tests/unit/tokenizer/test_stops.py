"""Stop strings: found across any boundary, never leaked, held back no longer than needed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgl.tokenizer.detokenize import Detokenizer, Fed
from sgl.tokenizer.load import Tokenizer
from sgl.tokenizer.stops import StopScanner

ALPHABET = "ab."


def naive(text: str, stop: tuple[str, ...]) -> tuple[str, str | None]:
    """The specification: the shortest beginning of ``text`` that ends with a stop string, which is cut off."""
    for end in range(1, len(text) + 1):
        hits = [wanted for wanted in stop if text[:end].endswith(wanted)]
        if hits:
            longest = max(hits, key=len)
            return text[: end - len(longest)], longest
    return text, None


def scanned(parts: list[str], stop: tuple[str, ...], *, keep_match: bool = False) -> tuple[str, str | None]:
    scanner, text = StopScanner(stop, keep_match=keep_match), ""
    for part in parts:
        released, matched = scanner.push(part)
        text += released
        if matched is not None:
            return text, matched
    return text + scanner.finish(), None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(ALPHABET, max_size=6), max_size=8),
    st.lists(st.text(ALPHABET, min_size=1, max_size=5), min_size=1, max_size=4).map(tuple),
)
def test_equals_the_naive_search_however_the_text_is_cut(parts: list[str], stop: tuple[str, ...]) -> None:
    expected, matched = naive("".join(parts), stop)
    assert scanned(parts, stop) == (expected, matched)
    assert scanned(list("".join(parts)), stop) == (expected, matched)
    assert scanned(parts, stop, keep_match=True) == (expected + (matched or ""), matched)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(ALPHABET, max_size=4), max_size=8), st.text(ALPHABET, min_size=1, max_size=5))
def test_holds_back_exactly_what_may_become_a_match(parts: list[str], stop: str) -> None:
    scanner, read, released = StopScanner((stop,)), "", ""
    for part in parts:
        text, matched = scanner.push(part)
        if matched is not None:
            return
        read, released = read + part, released + text
        held = next(n for n in range(len(stop) - 1, -1, -1) if read.endswith(stop[:n]))
        assert released == read[: len(read) - held]


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("aba", ("aba", "ab"), ("", "ab")),
        ("xab", ("b", "ab"), ("x", "ab")),
        ("abcde", ("bcd", "abcde"), ("a", "bcd")),
        ("a.*b", (".*",), ("a", ".*")),
        ("aaab", ("aab",), ("a", "aab")),
        ("ababac", ("abac",), ("ab", "abac")),
        ("no match", ("matches",), ("no match", None)),
        ("🎉🎉", ("🎉",), ("", "🎉")),
        ("a\0b", ("\0",), ("a", "\0")),
    ],
)
def test_the_match_that_ends_first_wins(text: str, stop: tuple[str, ...], expected: tuple[str, str | None]) -> None:
    assert scanned([text], stop) == expected
    assert scanned(list(text), stop) == expected


def test_the_worst_case_is_linear() -> None:
    stop = tuple("a" * n + "b" for n in range(990, 1022))

    def seconds(length: int) -> float:
        scanner = StopScanner(stop)
        started = time.process_time()
        for _ in range(length // 100):
            assert scanner.push("a" * 100)[1] is None
        return time.process_time() - started

    seconds(1000)
    assert min(seconds(40_000) for _ in range(3)) < 12 * min(seconds(10_000) for _ in range(3))


# -- with tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["byte-level", "sentencepiece"])
def test_used_counts_the_token_that_completed_the_match(loaded: dict[str, Tokenizer], family: str) -> None:
    tokenizer = loaded[family]
    ids = tokenizer.encode("The little girl had a red ball.", add_special_tokens=False)
    at = next(n for n in range(len(ids) + 1) if "red" in tokenizer.decode(ids[:n]))
    assert Detokenizer(tokenizer, stop=("red",)).feed(ids) == Fed("The little girl had a ", "red", at)
    one_by_one = Detokenizer(tokenizer, stop=("red",))
    fed = [one_by_one.feed([token]) for token in ids]
    assert "".join(item.text for item in fed) == "The little girl had a "
    assert [item.matched for item in fed[:at]] == [None] * (at - 1) + ["red"]
    assert {(item.text, item.used) for item in fed[at:]} == {("", 0)}
    assert one_by_one.finish() == ""


def test_the_stop_string_can_stay(loaded: dict[str, Tokenizer]) -> None:
    tokenizer = loaded["sentencepiece"]
    ids = tokenizer.encode("Once upon a time", add_special_tokens=False)
    fed = Detokenizer(tokenizer, stop=("upon",), no_stop_trim=True).feed(ids)
    assert (fed.text, fed.matched) == ("Once upon", "upon")


def test_a_beginning_that_comes_to_nothing_is_released_at_the_end(loaded: dict[str, Tokenizer]) -> None:
    tokenizer = loaded["sentencepiece"]
    text = Detokenizer(tokenizer, stop=("time flies",))
    first = text.feed(tokenizer.encode("Once upon a time", add_special_tokens=False)).text
    assert first == "Once upon a "
    assert text.finish() == "time"
    assert text.matched is None


def test_a_stop_string_in_the_held_back_bytes_is_cut_at_the_end(loaded: dict[str, Tokenizer]) -> None:
    tokenizer = loaded["sentencepiece"]
    party = [3 + byte for byte in "🎉!".encode()]  # Byte tokens, whose text is certain only when the run ends.
    text = Detokenizer(tokenizer, stop=("🎉",))
    assert text.feed([403, *party]) == Fed("Once", None, 6)
    assert text.finish() == ""
    assert text.matched == "🎉"
    assert Detokenizer(tokenizer, stop=("🎉",)).feed([403, *party, 407, 261]) == Fed("Once", "🎉", 7)


def test_special_tokens_take_part_only_when_they_leave_text(loaded: dict[str, Tokenizer]) -> None:
    tokenizer = loaded["sentencepiece"]
    ids = [403, 2, 407]
    assert Detokenizer(tokenizer, stop=("</s>",)).feed(ids) == Fed("Once upon", None, 3)
    assert Detokenizer(tokenizer, stop=("</s>",), skip_special_tokens=False).feed(ids) == Fed("Once", "</s>", 2)
    assert Detokenizer(tokenizer, stop=("ce up",)).feed(ids) == Fed("On", "ce up", 3)

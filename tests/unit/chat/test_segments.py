"""Pieces of an answer: together they say what the answer says, and what is final stays."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sgl_cli.chat.text.fences import code_blocks
from sgl_cli.chat.text.segments import LIVE_LETTERS, Piece, Segments
from sgl_cli.chat.text.segments import cut as cut_whole

from .chunks import SIZES, cut
from .test_fences import TEXTS, rendered

WORDS = "some words that fill a paragraph " * 12
LONG = st.lists(st.sampled_from([WORDS, "", "", "```py", "```", "- item", "> quote", "| a |", "x"]), max_size=30).map(
    "\n".join
)


def streamed(text: str, sizes: list[int]) -> list[Piece]:
    """The pieces at the end; on the way, those before the last never change."""
    segments, before = Segments(), list[Piece]()
    for chunk in [*cut(text, sizes), None]:
        if chunk is None:
            segments.close()
        else:
            segments.feed(chunk)
        pieces = segments.pieces
        final = before[:-1]
        assert all(new is old for new, old in zip(pieces, final, strict=False))
        assert len(pieces) >= len(final)
        before = pieces
    assert segments.text == text
    return before


def code_of(pieces: list[Piece]) -> list[tuple[str, str, bool]]:
    return [(piece.language, piece.text, piece.closed) for piece in pieces if piece.code]


def code_apart(text: str) -> list[tuple[str, str, bool]]:
    """The code of a text that is in no list and no quote."""
    return [(block.language, block.content, block.closed) for block in code_blocks(text) if not block.nested]


def markdown_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if not piece.code)


@settings(max_examples=200)
@given(TEXTS, SIZES)
def test_any_cut_shows_the_same(text: str, sizes: list[int]) -> None:
    pieces, whole = streamed(text, sizes), cut_whole(text)
    assert code_of(pieces) == code_of(whole) == code_apart(text)
    assert markdown_of(pieces).split() == markdown_of(whole).split()


@settings(max_examples=100)
@given(LONG, SIZES)
def test_long_text_is_cut_where_it_may_be(text: str, sizes: list[int]) -> None:
    big = [40 * size + 1 for size in sizes]
    pieces = streamed(text, big)
    assert code_of(pieces) == code_apart(text)
    expected = [block for piece in cut_whole(text) if not piece.code for block in rendered(piece.text)]
    shown = [block for piece in pieces if not piece.code for block in rendered(piece.text)]
    assert shown == expected


@given(TEXTS, SIZES)
def test_nothing_is_lost(text: str, sizes: list[int]) -> None:
    """What is in no piece are blank lines and fences."""
    left = text
    for piece in streamed(text, sizes):
        for line in filter(None, map(str.strip, piece.text.splitlines())):
            at = left.find(line)
            assert at >= 0
            left = left[:at] + left[at + len(line) :]
    outside = {letter for letter in left if not letter.isspace()}
    assert outside <= set("`~>pythonjs 1.-*"), ascii(left)


def test_an_unfinished_fence_is_held_back() -> None:
    segments = Segments()
    segments.feed("Look:\n``")
    assert segments.pieces == [Piece("Look:\n")]
    segments.feed("`py")
    assert segments.pieces == [Piece("Look:\n")]
    segments.feed("\nx = 1")
    assert segments.pieces == [Piece("Look:\n"), Piece("x = 1", True, "py", False)]
    segments.feed("\n``")
    assert segments.pieces[-1].text == "x = 1\n"
    segments.feed("`\n")
    assert segments.pieces == [Piece("Look:\n"), Piece("x = 1\n", True, "py")]


def test_what_only_looked_like_a_fence_is_shown() -> None:
    segments = Segments()
    segments.feed("`")
    assert segments.pieces == []
    segments.feed("code` here")
    assert segments.pieces == [Piece("`code` here")]
    assert cut_whole("``") == [Piece("``")]


def test_code_after_a_quote_that_left_its_own_open() -> None:
    pieces = cut_whole("> ```\n> a\n```\nb\n```\nc\n")
    assert pieces == [Piece("> ```\n> a\n"), Piece("b\n", True), Piece("c\n")]


def test_code_that_was_cut_off() -> None:
    assert cut_whole("```py\nx = 1") == [Piece("x = 1\n", True, "py", False)]
    assert cut_whole("```py") == [Piece("", True, "py", False)]


def test_code_in_lists_stays_there() -> None:
    text = "- one\n\n  ```py\n  x\n  ```\n\n- two\n"
    assert cut_whole(text) == [Piece(text)]


def test_a_long_answer_is_in_pieces_of_a_bounded_length() -> None:
    segments = Segments()
    for _ in range(100):
        segments.feed(WORDS + "\n\n")
    segments.close()
    assert max(len(piece.text) for piece in segments.pieces) <= LIVE_LETTERS + 2 * len(WORDS)


def test_nothing() -> None:
    assert cut_whole("") == []
    assert cut_whole("\n \n") == []

"""Reasoning and answer are told apart, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.chat.text.thinking import Mode, ThinkSplitter

from .chunks import SIZES, cut


def split(text: str, mode: Mode = "auto", sizes: list[int] | None = None) -> tuple[str, str]:
    """Feeds the text; what a screen shows must end as the totals do."""
    splitter, shown = ThinkSplitter(mode), ["", ""]
    for piece in [*map(splitter.feed, cut(text, sizes or [])), splitter.close()]:
        shown = [piece.reasoning, piece.text] if piece.moved else [shown[0] + piece.reasoning, shown[1] + piece.text]
    assert shown == [splitter.reasoning, splitter.text]
    return splitter.reasoning, splitter.text


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("Hello", "", "Hello"),
        ("<think>\nhm\n</think>\n\nHello", "hm", "Hello"),
        ("\n <think>a\n\nb</think>c", "a\n\nb", "c"),
        ("<think>\n\n</think>\n\nHello", "", "Hello"),
        ("<think>cut off", "cut off", ""),
        ("<think>almost</thin", "almost</thin", ""),
        ("[THINK]m[/THINK]x", "m", "x"),
        ("◁think▷k◁/think▷x", "k", "x"),
        ("<think>a </thinking> b</think>c", "a </thinking> b", "c"),
        ("<think>a</think>b</think>c<think>", "a", "b</think>c<think>"),
        ("<thin", "", "<thin"),
        ("<b>bold</b>", "", "<b>bold</b>"),
        ("The tag <think> opens, </think> closes.", "", "The tag <think> opens, </think> closes."),
        ("```\n<think>\nx\n</think>\n```\n", "", "```\n<think>\nx\n</think>\n```\n"),
        ("    indented", "", "    indented"),
        ("<think>a</think>\n\n    code", "a", "    code"),
        ("The prompt opened it.\n</think>\n\nHello", "The prompt opened it.", "Hello"),
        ("thoughts\n</think>", "thoughts", ""),
        ("</think>\n\nHello", "", "Hello"),
        ("x\n</think> is a tag", "", "x\n</think> is a tag"),
    ],
)
@given(sizes=SIZES)
def test_known_replies(text: str, reasoning: str, answer: str, sizes: list[int]) -> None:
    assert split(text, sizes=sizes) == (reasoning, answer)


def test_a_prompt_that_is_known_to_open_the_tag() -> None:
    assert split("hm, ok</think>Hello", "inside") == ("hm, ok", "Hello")
    splitter = ThinkSplitter("inside")
    assert splitter.feed("hm").reasoning == "hm"
    assert splitter.thinking


def test_off_leaves_everything() -> None:
    assert split("<think>a</think>b", "off") == ("", "<think>a</think>b")


def test_text_flows_at_once() -> None:
    splitter = ThinkSplitter()
    assert splitter.feed("Hel").text == "Hel"
    assert splitter.feed("lo <").text == "lo <"
    assert ThinkSplitter().feed("<think>so").reasoning == "so"


def test_a_late_closing_tag_moves_what_was_shown() -> None:
    splitter = ThinkSplitter()
    splitter.feed("it was\n")
    piece = splitter.feed("reasoning\n</think>\nHello")
    assert piece.moved
    assert (piece.reasoning, piece.text) == ("it was\nreasoning", "Hello")


PIECES = st.sampled_from(
    ["<think>", "</think>", "<thinking>", "[THINK]", "\n", " ", "a", "b\n", "```\n", "<", "/th", "ink>"]
)


@given(st.lists(PIECES, max_size=14).map("".join), SIZES, st.sampled_from(["auto", "inside", "off"]))
def test_cuts_change_nothing(text: str, sizes: list[int], mode: Mode) -> None:
    assert split(text, mode, sizes) == split(text, mode)


@given(st.text(alphabet="ab c.\n"), SIZES)
def test_an_answer_without_tags_is_kept_to_the_letter(text: str, sizes: list[int]) -> None:
    assert split(text, sizes=sizes) == ("", text)

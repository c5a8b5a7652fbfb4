"""Ctrl+L: tokens in the colours of their probability, and what could have stood in their place."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from sgl_cli.chat.client.events import ScoredToken
from sgl_cli.chat.tui.message.logprobs_view import ScoresView
from sgl_cli.chat.tui.message.token_rows import TokenRows
from sgl_cli.chat.tui.pane.token_panel import percent, quoted
from tests.fake_openai import Answer, piece, said, usage

from .conftest import StartChat

LIKELY = math.log(0.9)
UNLIKELY = math.log(0.05)


def scored(*tokens: tuple[str, float, dict[str, float]], reason: str = "stop") -> Answer:
    """An answer with the probabilities of its tokens and of what could stand in their place."""
    pieces: list[Any] = []
    for text, logprob, others in tokens:
        top = [{"token": other, "logprob": math.log(chance)} for other, chance in others.items()]
        entry = {"token": text, "logprob": logprob, "top_logprobs": top}
        chunk = piece(content=text)
        chunk["choices"][0]["logprobs"] = {"content": [entry]}
        pieces.append(chunk)
    return Answer([*pieces, piece(finish_reason=reason), usage(12, len(tokens), 8)])


HELLO = scored(
    ("Hello", LIKELY, {"Hello": 0.9, "Hi": 0.1}),
    (" world", UNLIKELY, {" there": 0.62, " all": 0.2}),
    ("!", LIKELY, {"!": 0.9}),
)


async def test_tokens_are_asked_for_shown_and_walked(chat: StartChat) -> None:
    async with chat(HELLO) as it:
        await it.press("ctrl+l")
        await it.say("hi")
        assert it.fake.requests[0]["logprobs"] is True
        assert it.fake.requests[0]["top_logprobs"] == 5
        assert "probability: green is sure, red is improbable." in it.text()
        assert "Hello world!" in it.text()
        await it.focus_message(1)
        await it.press("right")
        assert 'token 1 of 3: "Hello"' in it.text()
        await it.press("right")
        text = it.text()
        assert 'token 2 of 3: " world"' in text
        rows = [line.split() for line in text.split("\n") if "%" in line and '"' in line]
        assert [row[-2] for row in rows] == ["62.0", "20.0", "5.0"]
        assert "▸" in next(line for line in text.split("\n") if '" world"  ' in line)
        await it.press("left", "left", "left")
        assert 'token 1 of 3: "Hello"' in it.text()
        await it.press("escape")
        assert "token 1 of 3" not in it.text()


async def test_unsure_tokens_differ_in_colour(chat: StartChat) -> None:
    async with chat(HELLO) as it:
        await it.press("ctrl+l")
        await it.say("hi")
        view = it.screen.query_one(ScoresView)
        line = view.render_line(view.line_of(0))
        shades = [segment.style.bgcolor for segment in line if segment.style and segment.text.strip()]
        hello, world, mark = shades[:3]
        assert hello is not None
        assert world is not None
        assert hello.triplet is not None
        assert world.triplet is not None
        assert hello == mark
        assert hello.triplet.green > hello.triplet.red
        assert world.triplet.red > world.triplet.green


async def test_text_and_tokens_change_places_for_stored_answers_of_this_run(chat: StartChat) -> None:
    async with chat(said("Plain **words**."), HELLO) as it:
        await it.say("hi")
        await it.press("ctrl+l")
        await it.see("no probabilities were asked for this answer; r answers once more with them")
        assert "Plain words." in it.text()
        await it.focus_message(1)
        await it.press("r")
        await it.ended()
        assert "Hello world!" in it.text()
        assert "probability:" in it.text()
        await it.press("ctrl+l")
        await it.wait_for(lambda: not it.screen.query(ScoresView))
        assert "Hello world!" in it.text()
        assert "probability:" not in it.text()
        await it.press("ctrl+l")
        await it.wait_for(lambda: it.screen.query(ScoresView))
        await it.focus_message(1)
        await it.press("less_than_sign")
        await it.see("no probabilities")
        await it.press("greater_than_sign")
        await it.see("probability:")


async def test_the_tokens_of_an_answer_that_goes_on_are_all_of_it(chat: StartChat) -> None:
    first = scored(("One", LIKELY, {}), (" two", LIKELY, {}), reason="length")
    async with chat(first, scored((" three", UNLIKELY, {}))) as it:
        await it.press("ctrl+l")
        await it.say("count")
        await it.focus_message(1)
        await it.press("c")
        await it.ended()
        assert [token.text for token in it.screen.query_one(ScoresView).scores] == ["One", " two", " three"]


@pytest.mark.parametrize("how", [{"environ": {"NO_COLOR": "1"}}, {"unicode": False}])
async def test_without_colours_brackets_mark_improbable_tokens(chat: StartChat, how: dict[str, Any]) -> None:
    async with chat(HELLO, **how) as it:
        await it.press("ctrl+l")
        await it.say("hi")
        assert "Hello[ world]!" in it.text()
        assert "probability: [under 50%], underlined: under 10%." in it.text()


async def test_a_server_without_probabilities_turns_them_off(chat: StartChat) -> None:
    refused = Answer(status=400, body={"error": {"message": "top_logprobs is not supported"}})
    async with chat(refused, said("Fine.")) as it:
        await it.press("ctrl+l")
        await it.say("hi")
        assert "top_logprobs is not supported" in it.text()
        assert "this server gives no probabilities, so they are off again" in it.text()
        card = it.screen.query("ErrorCard").first()
        card.focus()
        await it.press("r")
        await it.ended()
        assert "logprobs" not in it.fake.requests[1]
        assert it.said[-1] == ("assistant", "Fine.")


async def test_a_click_means_a_token(chat: StartChat) -> None:
    async with chat(HELLO) as it:
        await it.press("ctrl+l")
        await it.say("hi")
        view = it.screen.query_one(ScoresView)
        await it.pilot.click(view, offset=(7, view.line_of(0)))
        await it.see('token 2 of 3: " world"')


async def test_hostile_tokens_are_shown_harmlessly(chat: StartChat) -> None:
    async with chat(scored(("\x1b]52;c;AAAA\x07[bold]x[/]", LIKELY, {"\x1b[31m": 0.5}))) as it:
        await it.press("ctrl+l")
        await it.say("hi")
        await it.focus_message(1)
        await it.press("right")
        assert "[bold]x[/]" in it.text()
        assert "\x1b" not in it.text()


async def test_two_thousand_tokens_stay_fluid(chat: StartChat) -> None:
    async with chat(said("x"), size=(80, 24)) as it:
        scores = tuple(ScoredToken(f" word{n}", LIKELY, ((f" word{n}", LIKELY),)) for n in range(2000))
        await it.press("ctrl+l")
        await it.say("hi")
        await it.views[1].show_scores(scores, plain=False)
        await it.focus_message(1)
        before = time.perf_counter()
        for _ in range(20):
            await it.press("right")
        assert (time.perf_counter() - before) / 20 < 1.0  # A bound for any machine; it is some 20 ms.
        assert "token 20 of 2000" in it.text()


def test_rows_break_between_tokens_and_keep_newlines() -> None:
    rows = TokenRows(["Hello", " world", "\n\n", "abcdefghijkl", ""], 8, line_end="$")
    shown = ["".join(run.text for run in line) for line in rows.lines]
    assert shown == ["Hello", " world$", "$", "abcdefgh", "ijkl$"]
    assert [rows.line_of(token) for token in range(5)] == [0, 1, 1, 3, 4]
    assert rows.token_at(2, 1) == 1
    assert rows.token_at(6, 1) == 2
    assert rows.token_at(7, 1) is None
    assert rows.token_at(0, 9) is None


def test_words_of_a_token() -> None:
    assert quoted(" a\n\x1b[1m") == '" a\\n"'
    assert percent(0.0001) == "<0.1 %"
    assert percent(1.0) == "100.0 %"

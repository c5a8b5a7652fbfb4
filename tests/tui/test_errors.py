"""What goes wrong is shown as a card, with a way on; what had come is kept."""

from __future__ import annotations

import threading

import pytest

from sgl_cli.chat.client.wish import Wish
from tests.fake_openai import CUT, Answer, fake_openai, piece, said

from .conftest import MatchesSvg, StartChat


@pytest.mark.parametrize("status", [400, 500])
async def test_a_refusal_is_shown_and_tried_again(chat: StartChat, matches_svg: MatchesSvg, status: int) -> None:
    async with chat(
        Answer(status=status, body={"error": {"message": "no such thing as a free lunch"}}), said("Here.")
    ) as it:
        await it.ask("Lunch?")
        await it.see("no such thing as a free lunch")
        await it.ended()
        matches_svg(it, f"error_{status}")
        assert it.said == [("user", "Lunch?")]
        card = it.pane.query("ErrorCard").first()
        card.focus()
        await it.press("r")
        await it.see("Here.")
        await it.ended()
        assert it.said == [("user", "Lunch?"), ("assistant", "Here.")]  # Not asked twice.
        assert not it.pane.query("ErrorCard")


async def test_a_click_tries_again(chat: StartChat) -> None:
    async with chat(Answer(status=503, body="busy"), said("Here.")) as it:
        await it.ask("Lunch?")
        await it.see("try again")
        await it.ended()
        await it.pilot.click(".error-retry")
        await it.see("Here.")


async def test_a_stream_that_is_cut(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(Answer([piece(content="Half an"), CUT]), said("Whole.")) as it:
        await it.ask("Well?")
        await it.wait_for(lambda: it.pane.query("ErrorCard"))
        await it.ended()
        assert "Half an" in it.text()
        assert it.said == [("user", "Well?"), ("assistant", "Half an")]
        assert it.pane.path[-1].finish_reason == "error"
        matches_svg(it, "error_cut")
        it.pane.query("ErrorCard").first().focus()
        await it.press("r")
        await it.see("Whole.")
        await it.ended()
        assert "2/2" in it.text()  # The half stays, as another branch.


async def test_a_question_after_an_error(chat: StartChat) -> None:
    async with chat(Answer(status=500, body={"error": {"message": "boom"}}), said("Fine.")) as it:
        await it.ask("One?")
        await it.see("boom")
        await it.ended()
        await it.say("Two?")
        assert not it.pane.query("ErrorCard")
        assert "Fine." in it.text()


async def test_a_silent_server_is_left_with_esc(chat: StartChat) -> None:
    gate = threading.Event()
    async with chat(Answer([gate])) as it:
        await it.ask("Anybody?")
        await it.settled()
        await it.press("escape")
        await it.ended()
        assert it.fake.left.wait(5)
        assert not it.pane.query("ErrorCard")


async def test_a_server_that_is_not_there_yet(chat: StartChat, matches_svg: MatchesSvg) -> None:
    with fake_openai() as early:
        url = early.url
    async with chat(wishes_of=lambda _: [Wish(url=url)], ready=False) as it:
        await it.see("try again")
        await it.settled()
        matches_svg(it, "no_server")
        await it.type("Can you hear me?")
        await it.press("enter")
        await it.see("Can you hear me?")
        port = int(url.rpartition(":")[2].partition("/")[0])
        with fake_openai(port) as late:
            late.script = [said("Now I can.")]
            it.pane.query("ErrorCard").first().focus()
            await it.press("r")
            await it.see("Now I can.")
            await it.ended()
            assert [each["content"] for each in late.requests[0]["messages"]] == ["Can you hear me?"]


async def test_a_server_that_wants_a_key(chat: StartChat) -> None:
    with fake_openai() as locked:
        locked.key = "secret"
        async with chat(wishes_of=lambda _: [Wish(url=locked.url)], ready=False) as it:
            await it.see("Incorrect API key")
            assert "--api-key" in it.text() or "SGL_API_KEY" in it.text()

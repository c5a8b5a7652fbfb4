"""The same chat in other terminals: small, without colours, in ASCII; and two models beside each other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from sgl_cli.chat.client.wish import Wish
from tests.fake_openai import Answer, FakeOpenAI, fake_openai, piece, said

from .conftest import MatchesSvg, StartChat
from .driving import words_of
from .test_streaming import MARKDOWN

SMALL = (60, 20)


async def test_a_terminal_is_made_small_and_large_again(chat: StartChat, matches_svg: MatchesSvg) -> None:
    gate = threading.Event()
    words = [f"word{number} " for number in range(60)]
    async with chat(
        Answer([*(piece(content=word) for word in words), gate, piece(content="the end."), piece("stop")])
    ) as it:
        await it.ask("Tell me a lot.")
        await it.see("word59")
        await it.settled()
        before = it.svg()
        await it.resize(*SMALL)
        await it.settled()
        assert max(map(len, it.text().splitlines())) <= SMALL[0]
        assert "word0" in it.text()
        assert "word59" in it.text()
        matches_svg(it, "small_while_streaming")
        gate.set()
        await it.ended()
        await it.see("the end.")
        await it.resize(100, 30)
        await it.settled()
        assert "the end." in it.text()
        assert before != it.svg()
        matches_svg(it, "large_again")


async def test_everything_fits_into_sixty_columns(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(words_of(*MARKDOWN, reasoning=["Hm."]), size=SMALL) as it:
        await it.say("Show me everything.")
        matches_svg(it, "small")
        await it.press("ctrl+n")
        await it.settled()
        assert it.screen.composer.region.height >= 3


async def test_no_color(chat: StartChat, matches_svg: MatchesSvg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with chat(words_of(*MARKDOWN)) as it:
        await it.say("Show me everything.")
        matches_svg(it, "no_color")
        for strip in it.app.screen._compositor.render_strips():
            for segment in strip.apply_filter(it.app._filters[-1], it.app.background_colors[0]):
                for color in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    red, green, blue = color.get_truecolor() if color else (0, 0, 0)
                    assert red == green == blue


async def test_ascii(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(
        Answer(status=500, body={"error": {"message": "boom"}}), words_of("ok.", reasoning=["Hm."]), unicode=False
    ) as it:
        await it.ask("Show me something.")
        await it.see("boom")
        await it.settled()
        assert it.text().isascii(), ascii(it.text())
        matches_svg(it, "ascii")


def both(other: FakeOpenAI) -> Callable[[FakeOpenAI], list[Wish]]:
    """The usual endpoint, and another."""
    return lambda fake: [Wish(url=fake.url, model="served"), Wish(url=other.url, model="other")]


async def test_two_models_answer_side_by_side(chat: StartChat, matches_svg: MatchesSvg) -> None:
    with fake_openai() as other:
        other.models = ["other"]
        other.script = [said("The other way."), said("Still mine.")]
        async with chat(said("One way."), said("Mine."), wishes_of=both(other)) as it:
            await it.say("Which way?")
            await it.wait_for(lambda: other.requests)
            await it.ended()
            matches_svg(it, "two_models")
            assert "One way." in it.text()
            assert "The other way." in it.text()
            first, second = it.screen.panes
            assert first.thread_id != second.thread_id
            await it.say("And now?")
            await it.ended()
            roles = [each["content"] for each in other.requests[1]["messages"]]
            assert roles == ["Which way?", "The other way.", "And now?"]  # Each knows its own answers only.


async def test_one_of_two_models_fails(chat: StartChat) -> None:
    with fake_openai() as other:
        other.models = ["other"]
        other.script = [Answer(status=500, body={"error": {"message": "boom"}})]
        async with chat(said("One way."), wishes_of=both(other)) as it:
            await it.ask("Which way?")
            await it.see("boom")
            await it.see("One way.")
            await it.ended()
            assert it.said[-1] == ("assistant", "One way.")

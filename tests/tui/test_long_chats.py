"""Long conversations: only their end is there at first; and the place of a person who reads is kept."""

from __future__ import annotations

import threading
import time

from sgl_cli.chat.session.open import Choice
from sgl_cli.chat.store.chat_store import ChatStore
from tests.fake_openai import Answer, piece, said

from .conftest import MatchesSvg, StartChat
from .driving import Running

MANY = 400


def long_chat(store: ChatStore, messages: int = MANY) -> str:
    """A conversation; returns its id."""
    thread = store.threads.new()
    with store.transaction():
        for number in range(0, messages, 2):
            store.messages.append(thread.id, "user", f"Question {number:03}?")
            store.messages.append(thread.id, "assistant", f"Answer {number + 1:03} in **Markdown**.", model="m")
    return thread.id


def read(it: Running) -> list[str]:
    """The lines of the conversation that are in sight, without the scroll bar."""
    return [line[:98].rstrip() for line in it.text().splitlines()[1:20]]


async def test_the_end_is_there_at_once(chat: StartChat, store: ChatStore) -> None:
    id = long_chat(store)
    began = time.monotonic()
    async with chat(said("And one more."), choice=Choice(id=id)) as it:
        await it.see("Answer 399")
        assert time.monotonic() - began < 10
        assert len(it.views) == 20
        await it.say("Still there?")
        assert "And one more." in it.text()
        assert len(it.fake.requests[0]["messages"]) == MANY + 1
        assert len(it.views) == 22


async def test_scrolling_up_brings_the_rest(chat: StartChat, store: ChatStore) -> None:
    id = long_chat(store, 60)
    async with chat(said("Yes."), choice=Choice(id=id)) as it:
        await it.see("Answer 059")
        transcript = it.pane.transcript
        for count in (40, 60):
            first = it.views[0]
            transcript.scroll_home(animate=False)
            await it.wait_for(lambda count=count: len(it.views) == count)
            await it.settled()
            assert first.region.y >= 0  # What was in sight still is.
            assert first.region.y < transcript.region.bottom
        transcript.scroll_home(animate=False)
        await it.see("Question 000")


async def test_a_person_who_reads_keeps_the_place(chat: StartChat, store: ChatStore, matches_svg: MatchesSvg) -> None:
    id = long_chat(store, 30)
    gates = [threading.Event(), threading.Event(), threading.Event()]
    lines = [piece(content=f"- line {number}\n") for number in range(40)]
    script = [*lines[:20], gates[0], *lines[20:30], gates[1], *lines[30:], gates[2], piece("stop")]
    async with chat(Answer(script), choice=Choice(id=id)) as it:
        await it.ask("Many lines.")
        await it.see("line 19")
        await it.settled()
        assert "more below" not in it.text()
        it.pane.transcript.scroll_to(y=5, animate=False)
        await it.see("more below")
        await it.settled()
        place, before = it.pane.transcript.scroll_y, read(it)
        gates[0].set()
        await it.wait_for(lambda: "line 29" in it.views[-1].text)
        await it.settled()
        assert it.pane.transcript.scroll_y == place
        assert read(it) == before
        matches_svg(it, "scrolled_up_while_streaming")
        await it.press("ctrl+end")
        await it.see("line 29")
        await it.wait_for(lambda: "more below" not in it.text())
        gates[1].set()
        await it.see("line 39")  # It follows again.
        gates[2].set()
        await it.ended()
        assert "line 39" in it.text()


async def test_a_click_on_the_pill_goes_to_the_end(chat: StartChat, store: ChatStore) -> None:
    id = long_chat(store, 30)
    async with chat(said("Yes."), choice=Choice(id=id)) as it:
        it.pane.transcript.scroll_to(y=0, animate=False)
        await it.see("more below")
        await it.pilot.click(".pill")
        await it.see("Answer 029")
        await it.gone("more below")


async def test_asking_goes_to_the_end(chat: StartChat, store: ChatStore) -> None:
    id = long_chat(store, 30)
    async with chat(said("Yes, here."), choice=Choice(id=id)) as it:
        it.pane.transcript.scroll_to(y=0, animate=False)
        await it.see("more below")
        await it.say("Where am I?")
        assert "Yes, here." in it.text()

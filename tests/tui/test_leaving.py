"""Ctrl+C, Ctrl+D, Ctrl+Q and Esc; what is kept when the chat ends."""

from __future__ import annotations

import threading

from textual.events import Key

from tests.fake_openai import Answer, piece, said

from .conftest import StartChat


async def test_ctrl_c_stops_and_twice_quits(chat: StartChat) -> None:
    gate = threading.Event()
    async with chat(Answer([piece(content="Part"), gate])) as it:
        await it.ask("Go on.")
        await it.see("Part")
        await it.press("ctrl+c")
        await it.ended()
        assert it.said[-1] == ("assistant", "Part")
        assert "Ctrl+C again quits" in it.text()
        assert it.app.return_value is None
        await it.press("ctrl+c")
        await it.wait_for(lambda: not it.app.is_running)
        assert it.app.return_value == 0


async def test_ctrl_c_copies_what_is_selected(chat: StartChat) -> None:
    async with chat(said("Hello.")) as it:
        await it.type("some words")
        await it.press("shift+home", "ctrl+c")
        await it.wait_for(lambda: it.app.clipboard == "some words")
        assert "again quits" not in it.text()
        assert it.screen.composer.text == "some words"


async def test_ctrl_c_copies_from_an_answer(chat: StartChat) -> None:
    async with chat(said("Alpha beta gamma.")) as it:
        await it.say("Words?")
        block = it.views[-1].answer
        assert block is not None
        block.pages[0].text_select_all()
        await it.press("ctrl+c")
        await it.wait_for(lambda: "Alpha beta gamma." in it.app.clipboard)


async def test_ctrl_d_quits_only_when_nothing_is_typed(chat: StartChat) -> None:
    async with chat(said("Hello.")) as it:
        await it.type("ab")
        await it.press("home", "ctrl+d")
        assert it.screen.composer.text == "b"
        await it.press("ctrl+d", "ctrl+d")
        await it.wait_for(lambda: not it.app.is_running)
        assert it.app.return_value == 0


async def test_quitting_while_an_answer_comes_keeps_the_part(chat: StartChat) -> None:
    gate = threading.Event()
    async with chat(Answer([piece(content="Part"), gate])) as it:
        await it.ask("Go on.")
        await it.see("Part")
        await it.press("ctrl+q")
        await it.wait_for(lambda: not it.app.is_running)
        thread = it.store.threads.latest()
    assert thread is not None
    assert it.fake.left.wait(5)
    (summary,) = it.store.threads.summaries()
    assert (summary.thread.title, summary.last_line) == ("Go on.", "Part")


async def test_an_empty_chat_is_not_kept(chat: StartChat) -> None:
    async with chat(said("Hello.")) as it:
        assert len(it.store.threads.summaries()) == 1
        await it.press("ctrl+n", "ctrl+n")
        assert len(it.store.threads.summaries()) == 1
    assert it.store.threads.summaries() == []


async def test_esc_brings_back_to_the_composer(chat: StartChat) -> None:
    async with chat(said("Hello.")) as it:
        await it.say("Hi.")
        await it.press("alt+up")
        assert it.screen.focused is it.views[-1]
        await it.press("alt+up")
        assert it.screen.focused is it.views[0]
        await it.press("escape")
        assert it.screen.composer.has_focus


async def test_the_arrows_bring_back_what_was_asked(chat: StartChat) -> None:
    async with chat(said("Hello.")) as it:
        await it.say("First.")
        await it.say("Second.")
        await it.press("up")
        assert it.screen.composer.text == "Second."
        await it.press("up")
        assert it.screen.composer.text == "First."
        await it.press("down", "down")
        assert it.screen.composer.text == ""


async def test_several_lines(chat: StartChat) -> None:
    async with chat(said("Hello.")) as it:
        await it.say("one\ntwo")
        assert it.said[0] == ("user", "one\ntwo")
        await it.type('"""a')
        await it.press("enter")
        await it.type('b"""')
        await it.press("enter")
        await it.wait_for(lambda: len(it.fake.requests) == 2)
        await it.ended()
        assert it.said[2] == ("user", "a\nb")


async def test_keys_are_done_in_their_order(chat: StartChat) -> None:
    async with chat(said("Hello.")) as it:
        for key, letter in [("a", "a"), ("Z", "Z"), ("backspace", None), ("b", "b"), ("left", None), ("c", "c")]:
            it.app.post_message(Key(key, letter))
        await it.wait_for(lambda: len(it.screen.composer.text) == 3)
        assert it.screen.composer.text == "acb"

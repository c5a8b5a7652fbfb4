"""Branches of a conversation: edit, regenerate, ``<`` and ``>``."""

from __future__ import annotations

from tests.fake_openai import said

from .conftest import MatchesSvg, StartChat


async def test_an_answer_is_given_anew(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(said("Four."), said("4, of course.")) as it:
        await it.say("Two and two?")
        await it.focus_message(1)
        await it.press("r")
        await it.wait_for(lambda: len(it.fake.requests) == 2)
        await it.ended()
        assert it.fake.requests[0]["messages"] == it.fake.requests[1]["messages"]
        assert it.said == [("user", "Two and two?"), ("assistant", "4, of course.")]
        assert "2/2" in it.text()
        assert "Four." not in it.text()
        matches_svg(it, "regenerated")


async def test_the_branches_are_walked(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(said("Four."), said("4, of course."), said("Yes.")) as it:
        await it.say("Two and two?")
        await it.focus_message(1)
        await it.press("r")
        await it.wait_for(lambda: len(it.fake.requests) == 2)
        await it.ended()
        await it.press("escape")
        await it.say("Sure?")
        await it.focus_message(1)
        await it.press("<")
        await it.see("1/2")
        await it.settled()
        assert it.said == [("user", "Two and two?"), ("assistant", "Four.")]
        assert "Sure?" not in it.text()
        matches_svg(it, "older_branch")
        await it.wait_for(lambda: it.screen.focused in it.views)  # One can go on walking.
        await it.press(">")
        await it.see("2/2")
        assert it.said[-1] == ("assistant", "Yes.")  # The branch is shown to its end.


async def test_a_question_is_edited(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(said("Four."), said("Six.")) as it:
        await it.say("Two and two?")
        await it.focus_message(0)
        await it.press("e")
        assert it.screen.composer.text == "Two and two?"
        assert it.screen.composer.has_focus
        it.screen.composer.put("")
        await it.say("Three and three?")
        assert it.said == [("user", "Three and three?"), ("assistant", "Six.")]
        assert [each["content"] for each in it.fake.requests[1]["messages"]] == ["Three and three?"]
        assert "2/2" in it.text()
        assert len(it.store.messages.tips(it.pane.thread_id)) == 2
        matches_svg(it, "edited")


async def test_an_edit_is_left(chat: StartChat) -> None:
    async with chat(said("Four."), said("Fine.")) as it:
        await it.say("Two and two?")
        await it.focus_message(0)
        await it.press("e", "escape")
        it.screen.composer.put("")
        await it.say("Thanks.")
        assert [text for _, text in it.said] == ["Two and two?", "Four.", "Thanks.", "Fine."]


async def test_an_answer_in_the_middle_is_given_anew(chat: StartChat) -> None:
    async with chat(said("One."), said("Two."), said("Another one.")) as it:
        await it.say("First?")
        await it.say("Second?")
        await it.focus_message(1)
        await it.press("r")
        await it.wait_for(lambda: len(it.fake.requests) == 3)
        await it.ended()
        assert it.said == [("user", "First?"), ("assistant", "Another one.")]
        assert "Second?" not in it.text()
        assert len(it.views) == 2


async def test_a_question_is_answered_anew(chat: StartChat) -> None:
    async with chat(said("One."), said("Another one.")) as it:
        await it.say("First?")
        await it.focus_message(0)
        await it.press("r")
        await it.wait_for(lambda: len(it.fake.requests) == 2)
        await it.ended()
        assert it.said == [("user", "First?"), ("assistant", "Another one.")]


async def test_a_new_chat_begins_empty(chat: StartChat) -> None:
    async with chat(said("One.")) as it:
        await it.say("First?")
        before = it.pane.thread_id
        await it.press("ctrl+n")
        await it.wait_for(lambda: not it.views)
        assert it.pane.thread_id != before
        assert "new chat" in it.text()
        await it.say("Second?")
        assert [each["content"] for each in it.fake.requests[-1]["messages"]] == ["Second?"]
        assert {thread.thread.title for thread in it.store.threads.summaries()} == {"First?", "Second?"}

"""The keys on a message: edit, regenerate, continue, fork, branches, delete, fold."""

from __future__ import annotations

import threading

from sgl_cli.chat.store.parts import Reasoning, Text
from tests.fake_openai import said

from .conftest import StartChat
from .driving import words_of


async def test_an_edited_question_is_sent_as_another_branch(chat: StartChat) -> None:
    async with chat(said("One."), said("Two.")) as it:
        await it.say("first")
        await it.focus_message(0)
        await it.press("e")
        assert "editing your question: Enter sends it as another branch" in it.text()
        assert it.screen.composer.text == "first"
        await it.say(" again")
        assert it.said == [("user", "first again"), ("assistant", "Two.")]
        assert "2/2" in it.text()
        assert "editing" not in it.text()


async def test_escape_leaves_the_message_and_brings_the_draft_back(chat: StartChat) -> None:
    async with chat(said("One.")) as it:
        await it.say("first")
        await it.type("a draft")
        await it.focus_message(0)
        await it.press("e", "escape")
        assert it.screen.composer.text == "a draft"
        assert it.said == [("user", "first"), ("assistant", "One.")]
        assert "editing" not in it.text()


async def test_an_edited_answer_is_kept_beside_the_old_one_and_asks_nothing(chat: StartChat) -> None:
    async with chat(words_of("One.", reasoning=["Hm."])) as it:
        await it.say("first")
        await it.focus_message(1)
        await it.press("e")
        assert "editing the answer: Enter keeps it as another branch, asks nothing" in it.text()
        await it.type(" More.")
        await it.press("enter")
        await it.wait_for(lambda: it.said[-1] == ("assistant", "One. More."))
        assert len(it.fake.requests) == 1
        parts = it.pane.path[-1].parts
        assert [type(part) for part in parts] == [Reasoning, Text]
        await it.see("2/2")


async def test_an_edit_in_a_conversation_that_is_gone_is_a_new_question(chat: StartChat) -> None:
    async with chat(said("One."), said("Two.")) as it:
        await it.say("first")
        await it.focus_message(0)
        await it.press("e", "ctrl+n")
        await it.settled()
        await it.press("enter")
        await it.wait_for(lambda: len(it.fake.requests) == 2)
        await it.ended()
        assert it.said == [("user", "first"), ("assistant", "Two.")]
        assert len(it.store.threads.summaries()) == 2


async def test_siblings_are_walked_and_keep_their_place(chat: StartChat) -> None:
    async with chat(said("One."), said("Two.")) as it:
        await it.say("first")
        await it.focus_message(1)
        await it.press("r")
        await it.ended()
        assert it.said[-1] == ("assistant", "Two.")
        await it.focus_message(1)
        line = it.views[1].region.y
        await it.press("less_than_sign")
        await it.see("1/2")
        assert it.said[-1] == ("assistant", "One.")
        assert it.views[1].has_focus
        assert it.views[1].region.y == line
        await it.press("less_than_sign")
        assert it.notices() == ["this is the first branch"]
        await it.press("greater_than_sign")
        await it.see("2/2")
        assert it.said[-1] == ("assistant", "Two.")


async def test_a_sibling_keeps_its_place_in_a_long_conversation(chat: StartChat) -> None:
    async with chat(said("\n\n".join(["word"] * 30)), size=(80, 20)) as it:
        thread = it.pane.thread_id
        for number in range(12):
            it.store.messages.append(thread, "user", f"question {number}")
            it.store.messages.append(thread, "assistant", f"answer {number}", finish_reason="stop")
        middle = it.pane.path[11]
        it.store.messages.edit(thread, middle.hash, "another answer 5\n\nof more\n\nlines")
        it.store.messages.append(thread, "user", "and so on")
        await it.pane.show_thread(thread)
        view = await it.focus_message(11)
        it.pane.transcript.scroll_to_widget(view, animate=False)
        await it.settled()
        line = view.region.y
        await it.press("less_than_sign")
        await it.see("answer 5")
        await it.settled()
        focused = it.app.focused
        assert focused is not None
        assert focused.region.y == line
        assert it.said[-1] == ("assistant", "answer 11")


async def test_a_fork_goes_on_by_itself_and_tells_what_came_from_the_cache(chat: StartChat) -> None:
    async with chat(said("One."), said("Two.", " And more.")) as it:
        await it.say("first")
        old = it.pane.thread_id
        await it.focus_message(1)
        await it.press("f")
        await it.wait_for(lambda: it.pane.thread_id != old)
        assert it.notices() == ["forked: 2 messages are shared; the server has their prefix cached"]
        await it.say("second")
        assert it.said[-1] == ("assistant", "Two. And more.")
        assert "fork: 8 of 12 prompt tokens came from the cache" in it.notices()
        assert len(it.store.messages.tree(old)) == 2
        await it.say("third")
        assert sum(notice.startswith("fork:") for notice in it.notices()) == 1


async def test_delete_asks_first_and_takes_what_follows(chat: StartChat) -> None:
    async with chat(said("One.")) as it:
        await it.say("first")
        await it.say("second")
        await it.focus_message(2)
        await it.press("delete")
        assert it.notices() == ["Delete once more deletes this message and 1 below it"]
        assert len(it.said) == 4
        await it.press("delete")
        await it.wait_for(lambda: len(it.views) == 2)
        assert it.said == [("user", "first"), ("assistant", "One.")]


async def test_deleting_one_branch_shows_another(chat: StartChat) -> None:
    async with chat(said("One."), said("Two.")) as it:
        await it.say("first")
        await it.focus_message(1)
        await it.press("r")
        await it.ended()
        await it.focus_message(1)
        await it.press("delete", "delete")
        await it.wait_for(lambda: it.said == [("user", "first"), ("assistant", "One.")])


async def test_a_cut_off_answer_is_gone_on_with_and_a_complete_one_not(chat: StartChat) -> None:
    async with chat(said("One", reason="length"), said(" and two.")) as it:
        await it.say("first")
        await it.focus_message(1)
        await it.press("c")
        await it.ended()
        assert it.said[-1] == ("assistant", "One and two.")
        assert it.fake.requests[1]["continue_final_message"] is True
        await it.focus_message(1)
        await it.press("c")
        assert it.notices() == ["this answer is complete; r gives another one, e changes it"]
        await it.focus_message(0)
        await it.press("c")
        assert "only an answer can be gone on with" in it.notices()


async def test_keys_wait_while_an_answer_comes(chat: StartChat) -> None:
    gate = threading.Event()
    async with chat(words_of("One ", "two.", gate=gate)) as it:
        await it.ask("first")
        await it.see("One")
        await it.focus_message(0)
        await it.press("e")
        assert it.notices() == ["the answer is still coming; Esc stops it"]
        gate.set()
        await it.ended()
        assert it.said[-1] == ("assistant", "One two.")


async def test_what_a_person_typed_is_shown_as_it_was_typed(chat: StartChat) -> None:
    async with chat(said("Fine.")) as it:
        await it.say("# one\ntwo *three*\n  - four [bold]x[/]\n```py\nx = 1\n```")
        lines = [line.strip(" ▌") for line in it.text().split("\n")]
        at = lines.index("# one")
        assert lines[at + 1 : at + 3] == ["two *three*", "- four [bold]x[/]"]
        assert any("py" in line and "copy" in line for line in lines)

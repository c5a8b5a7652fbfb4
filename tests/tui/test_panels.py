"""The list of chats, the options of one, what was typed before, the branches, and a keymap that cannot work."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sgl_cli.chat.profile.profile import Profile
from sgl_cli.chat.profile.profiles import Profiles
from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.store.threads import Thread
from sgl_cli.chat.tui.keymap_check import keymap_complaints, theme_complaint
from sgl_cli.chat.tui.panels.ago import ago
from sgl_cli.chat.tui.panels.branches_screen import BranchesScreen, branches_of

from .conftest import StartChat
from .driving import Running, home_environ, marked_words, words_of


def talk(store: ChatStore, title: str, *texts: str) -> Thread:
    """A conversation with these questions and answers."""
    thread = store.threads.new(title=title)
    for number, text in enumerate(texts):
        store.messages.append(thread.id, "assistant" if number % 2 else "user", text)
    return store.threads.get(thread.id)


def order(it: Running, *words: str) -> bool:
    """Whether the words stand on the screen in this order."""
    text, at = it.text(), -1
    for word in words:
        at = text.find(word, at + 1)
        if at < 0:
            return False
    return True


async def test_chats_newest_first_with_their_last_line(chat: StartChat, store: ChatStore) -> None:
    talk(store, "about cats", "which cats?", "Many.\n\nAll of them purr.")
    talk(store, "about [dogs]", "which dogs?")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b")
        await it.see("about cats")
        assert order(it, "about [dogs]", "about cats", "All of them purr.")
        await it.press("ctrl+b")
        assert "about cats" not in it.text()


async def test_opening_a_chat(chat: StartChat, store: ChatStore) -> None:
    talk(store, "about cats", "which cats?", "All of them purr.")
    async with chat(size=(110, 30)) as it:
        begun = it.pane.thread_id
        await it.press("ctrl+b")
        await it.see("about cats")
        await it.press("enter")
        await it.see("which cats?")
        assert it.screen.composer.has_focus
        await it.wait_for(lambda: "about cats" in it.text().splitlines()[0])
        assert "Search chats" in it.text()  # On a wide screen the list stays.
        assert begun not in [row.thread.id for row in store.threads.summaries()]  # Nothing was said in it.


async def test_on_a_narrow_screen_the_list_closes_after_a_choice(chat: StartChat, store: ChatStore) -> None:
    talk(store, "about cats", "which cats?", "All of them purr.")
    async with chat(size=(60, 20), unicode=False) as it:
        await it.press("ctrl+b")
        await it.see("about cats")
        await it.press("enter")
        await it.see("which cats?")
        assert "Search chats" not in it.text()
        await it.press("ctrl+b")
        await it.see("Search chats")
        await it.press("escape")
        assert "Search chats" not in it.text()
        await it.press("ctrl+r")
        await it.see("nothing was typed yet")
        assert "╭" not in it.text()


async def test_panels_give_way_when_the_screen_becomes_narrow_and_come_back(chat: StartChat, store: ChatStore) -> None:
    async with chat(size=(120, 30)) as it:
        await it.press("ctrl+b")
        await it.press("ctrl+o")
        await it.see("System prompt")
        await it.resize(60, 20)
        await it.wait_for(lambda: "System prompt" not in it.text() and "Search chats" not in it.text())
        assert it.screen.composer.has_focus
        await it.resize(120, 30)
        await it.see("System prompt")
        assert "Search chats" in it.text()
        await it.press("escape", "escape")  # From the composer, one after the other.
        assert "System prompt" not in it.text()
        assert "Search chats" not in it.text()


async def test_a_search_finds_titles_and_messages_and_goes_to_the_message(chat: StartChat, store: ChatStore) -> None:
    long = "\n\n".join(f"line {number}" for number in range(60))
    talk(store, "about cats", "what is a zebra?", long, "and a lion?", long)
    talk(store, "zebras", "hello")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b", "slash")
        await it.type("zebra")
        await it.see("Messages with these words")
        assert order(it, "zebras", "Messages with these words", "what is a zebra?", "about cats")
        await it.press("enter", "down", "enter")
        await it.wait_for(lambda: len(it.views) == 4)
        await it.wait_for(lambda: "what is a zebra?" in it.text().splitlines()[2])
        answer = it.views[0].answer
        assert answer is not None
        await it.wait_for(lambda: any(map(marked_words, answer.pages)))


async def test_a_hit_in_another_branch_shows_that_branch(chat: StartChat, store: ChatStore) -> None:
    thread = talk(store, "about cats", "old words", "an answer")
    first = store.messages.path(thread.tip_hash)[0]
    store.messages.edit(thread.id, first.hash, "new words")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b", "slash")
        await it.type("old words")
        await it.see("Messages with these words")
        await it.press("enter", "enter")
        await it.wait_for(lambda: [text for _, text in it.said] == ["old words", "an answer"])


async def test_keys_on_a_row(chat: StartChat, store: ChatStore) -> None:
    old, new = talk(store, "about cats", "which cats?"), talk(store, "about dogs", "which dogs?")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b")
        await it.see("about cats")
        await it.press("r", "ctrl+a", "ctrl+k")
        await it.type("hounds")
        await it.press("enter")
        await it.wait_for(lambda: order(it, "Search chats", "hounds"))
        assert store.threads.get(new.id).title == "hounds"
        await it.press("down", "p")  # It moves up, and stays the one that is meant.
        await it.wait_for(lambda: order(it, "pinned about cats", "hounds"))
        await it.press("t")
        await it.type("pets, #fur")
        await it.press("enter")
        await it.see("#fur")
        assert store.threads.get(old.id).tags == ("fur", "pets")
        await it.press("a")
        await it.wait_for(lambda: "about cats" not in it.text())
        await it.press("A")
        await it.see("about cats")
        assert "hounds" not in it.text()
        await it.press("a", "A")
        await it.wait_for(lambda: order(it, "about cats", "hounds"))


async def test_escape_leaves_a_title_as_it_is(chat: StartChat, store: ChatStore) -> None:
    thread = talk(store, "about cats", "which cats?")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b")
        await it.see("about cats")
        await it.press("r", "x", "escape", "escape")
        assert store.threads.get(thread.id).title == "about cats"
        assert it.screen.composer.has_focus


async def test_deleting_asks_first(chat: StartChat, store: ChatStore) -> None:
    thread = talk(store, "about cats", "which cats?", "All.")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b")
        await it.see("about cats")
        await it.press("enter")
        await it.see("which cats?")
        await it.press("ctrl+b", "ctrl+b")
        await it.see("about cats")
        await it.press("delete")
        await it.see("Delete the chat about cats with 2 messages?")
        await it.press("enter", "n")
        assert store.threads.get(thread.id).title == "about cats"
        await it.press("delete", "y")
        await it.wait_for(lambda: not it.views)  # It was shown: another one begins.
        assert thread.id not in [row.thread.id for row in store.threads.summaries()]
        await it.see("no chats yet")


async def test_a_row_is_exported(
    chat: StartChat, store: ChatStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talk(store, "about cats", "which cats?", "All.")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b")
        await it.see("about cats")
        await it.press("x")
        await it.see("Markdown")
        await it.press("enter")
        await it.wait_for(lambda: list(tmp_path.glob("about-cats*.md")))
        assert "which cats?" in next(tmp_path.glob("about-cats*.md")).read_text()


async def test_opening_a_chat_stops_the_answer_and_keeps_it(chat: StartChat, store: ChatStore) -> None:
    talk(store, "about cats", "which cats?", "All.")
    gate = threading.Event()
    async with chat(words_of("It is ", "never told", gate=gate), size=(110, 30)) as it:
        begun = it.pane.thread_id
        await it.ask("tell me")
        await it.see("It is")
        await it.press("ctrl+b")
        await it.see("about cats")
        await it.press("down", "enter")
        await it.see("which cats?")
        gate.set()
        kept = store.messages.path(store.threads.get(begun).tip_hash)
        assert [(message.role, message.text) for message in kept] == [("user", "tell me"), ("assistant", "It is ")]
        assert kept[-1].finish_reason == "cancelled"


async def test_many_chats_are_read_as_one_scrolls(chat: StartChat, store: ChatStore) -> None:
    with store.transaction():
        for number in range(120):
            talk(store, f"number {number}", "a question")
    async with chat(size=(110, 30)) as it:
        await it.press("ctrl+b")
        await it.see("number 119")
        for _ in range(4):
            await it.press("end")
            await it.settled()
        assert order(it, "number 1\n".strip(), "number 0")


async def test_options_of_a_chat(chat: StartChat, store: ChatStore) -> None:
    async with chat(size=(120, 50)) as it:
        await it.press("ctrl+o")
        await it.type("Be brief.")
        await it.press("tab")
        await it.type("0.25")
        await it.press("tab")
        await it.type("2")
        await it.press("enter")
        await it.see("top_p expects a number from 0 to 1")
        await it.press("tab")
        await it.type("x")
        await it.press("tab")
        await it.see("top_k expects a whole number")
        thread = store.threads.get(it.pane.thread_id)
        assert (thread.system, thread.settings) == ("Be brief.", {"temperature": 0.25})
        assert "set for this chat" in it.text()
        await it.press("ctrl+o")
        await it.say("hello")
        (request,) = it.fake.requests
        assert request["temperature"] == 0.25
        assert request["messages"][0] == {"role": "system", "content": "Be brief."}
        await it.press("ctrl+o", "tab", "ctrl+a", "ctrl+k", "tab")
        assert store.threads.get(it.pane.thread_id).settings == {}


async def test_options_say_what_comes_from_the_profile(chat: StartChat, store: ChatStore, tmp_path: Path) -> None:
    Profiles(home_environ(tmp_path / "home")).save(
        Profile(system="Be kind.", options={"top_p": 0.5, "stop": ["a", "b"]})
    )
    async with chat(size=(120, 60)) as it:
        await it.press("ctrl+o")
        await it.see("a|b")
        assert order(it, "Be kind.", "from your profile", "top_p", "0.5", "from your profile")
        await it.press("tab", "tab", "ctrl+a", "ctrl+k", "tab")
        await it.see("not set for this chat")
        assert store.threads.get(it.pane.thread_id).settings == {"stop": ["a", "b"]}


async def test_what_was_typed_before(chat: StartChat, store: ChatStore) -> None:
    for text in ("first words", "second words\nin two lines", "something else"):
        store.prompts.add(text)
    async with chat() as it:
        await it.press("ctrl+r")
        await it.see("something else")
        await it.type("words")
        await it.wait_for(lambda: "something else" not in it.text())
        assert order(it, "second words in two lines", "first words")
        await it.press("enter")
        assert it.screen.composer.text == "second words\nin two lines"
        assert it.screen.composer.has_focus
        await it.press("ctrl+r", "escape")
        assert it.screen.composer.text == "second words\nin two lines"


async def test_branches(chat: StartChat, store: ChatStore) -> None:
    async with chat(words_of("One."), words_of("Two.")) as it:
        await it.say("count")
        first = it.pane.path[1]
        await it.pane.regenerate(first)
        await it.ended()
        thread_id = it.pane.thread_id
        assert [(branch.depth, branch.first.text, branch.shown) for branch in branches(store, thread_id)] == [
            (0, "count", True),
            (1, "One.", False),
            (1, "Two.", True),
        ]
        chosen: list[str | None] = []
        it.app.push_screen(BranchesScreen(store, thread_id, it.screen.setup.marks), chosen.append)
        await it.see("Branches of this chat")
        assert order(it, "count", "One.", "Two.")
        await it.press("up", "enter")
        await it.wait_for(lambda: chosen == [first.hash])
        it.app.push_screen(BranchesScreen(store, thread_id, it.screen.setup.marks), chosen.append)
        await it.press("escape")
        await it.wait_for(lambda: chosen == [first.hash, None])


def branches(store: ChatStore, thread_id: str) -> list[object]:
    """Those of a stored conversation."""
    return list(branches_of(store.messages.tree(thread_id), store.threads.get(thread_id).tip_hash))


async def test_help_has_keys_and_commands(chat: StartChat) -> None:
    async with chat(size=(100, 40)) as it:
        await it.press("f1")
        await it.see("Commands and keys")
        await it.press("escape")
        assert it.screen.composer.has_focus


async def test_a_keymap_and_a_theme_that_cannot_work_are_told(chat: StartChat, tmp_path: Path) -> None:
    profile = Profile(theme="nrod", keymap={"sesions": "f2", "find": "ctrl+b"})
    Profiles(home_environ(tmp_path / "home")).save(profile)
    async with chat() as it:
        notices = it.notices()
        assert "there is no theme 'nrod'; did you mean nord?" in notices
        assert "keymap: there is no action 'sesions'; did you mean sessions?" in notices
        assert "keymap: Ctrl+B is both sessions and find" in notices


def test_keymaps() -> None:
    assert keymap_complaints({}) == []
    assert keymap_complaints({"sessions": "f2", "find": "ctrl+b", "quit-now": ""}) == []  # They change places.
    assert keymap_complaints({"edit": "r"}) == ["keymap: r is both edit and regenerate"]
    assert keymap_complaints({"chat-pin": "e"}) == []  # Rows and messages never have the focus together.
    assert keymap_complaints({"stop": "f5,ctrl+p"}) == ["keymap: Ctrl+P is both stop and command-palette"]
    assert theme_complaint("x", ["nord", "dracula"]) == "there is no theme 'x'; there are nord, dracula"


def test_how_long_ago() -> None:
    day = 24 * 3600
    assert [ago(0, now) for now in (5, 65, 7200, 1.5 * day, 3 * day)] == [
        "now",
        "1 min ago",
        "2 h ago",
        "yesterday",
        "3 days ago",
    ]
    assert ago(0, 30 * day).startswith("19")

"""Finding words in the chat that is shown."""

from __future__ import annotations

from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.tui.panels.found import Found

from .conftest import StartChat
from .driving import Running, marked_words
from .test_panels import talk

STORY = (
    "# Story\n\n"
    + "\n\n".join(f"line {number}" for number in range(50))
    + "\n\nthe **quick fox**\n\n```python\nfox = 1\n```\n"
)


def chosen(store: ChatStore, *texts: str) -> str:
    """The id of a conversation with these texts."""
    return talk(store, "a chat", *texts).id


async def show(it: Running, thread_id: str) -> None:
    """Shows a conversation."""
    await it.pane.show_thread(thread_id)
    await it.settled()


def reversed_words(it: Running) -> list[str]:
    """What is marked anywhere."""
    return [word for view in it.views if view.answer for page in view.answer.pages for word in marked_words(page)]


async def test_next_and_previous_with_the_count(chat: StartChat, store: ChatStore) -> None:
    async with chat(size=(80, 24)) as it:
        await show(it, chosen(store, "a Fox?", STORY, "more of foxes", "no"))
        await it.press("ctrl+f")
        await it.type("fox")
        await it.see(" of 4")
        await it.settled()
        assert sorted(word.lower() for word in reversed_words(it)) == ["fox"] * 4  # In code, too.
        await it.press("enter")
        for step, count in (("n", 1), ("n", 1), ("n", 1), ("n", 1), ("N", -1), ("enter", 1), ("shift+enter", -1)):
            before = int(it.text().partition(" of 4")[0].split()[-1])
            await it.press(step)
            await it.settled()
            assert int(it.text().partition(" of 4")[0].split()[-1]) == (before - 1 + count) % 4 + 1
        await it.press("escape")
        await it.settled()
        assert " of 4" not in it.text()
        assert reversed_words(it) == []
        assert it.screen.composer.has_focus


async def test_a_place_is_brought_into_sight(chat: StartChat, store: ChatStore) -> None:
    async with chat(size=(60, 20)) as it:
        await show(it, chosen(store, "begin", STORY, "end", "the end"))
        await it.press("ctrl+f")
        for words in ("line 0", "line 49", "begin", "line 25", "quick fox"):
            await it.press("ctrl+f", "ctrl+a", "ctrl+k")
            await it.type(words)
            await it.press("enter")
            await it.wait_for(lambda words=words: words in shown(it))


def shown(it: Running) -> str:
    """The lines of the messages on the screen."""
    return "\n".join(it.text().splitlines()[1:-5])


async def test_messages_that_are_not_mounted_are_found(chat: StartChat, store: ChatStore) -> None:
    texts = [f"question {number} needle" if number == 2 else f"text {number}" for number in range(70)]
    async with chat(size=(80, 24)) as it:
        await show(it, chosen(store, *texts))
        assert it.pane.transcript.older == 50
        await it.press("ctrl+f")
        await it.type("needle")
        await it.see("question 2 needle")
        await it.see("1 of 1")
        await it.settled()
        assert reversed_words(it) == ["needle"]


async def test_nothing_found_and_words_that_are_no_pattern(chat: StartChat, store: ChatStore) -> None:
    async with chat(size=(60, 20), unicode=False) as it:
        await show(it, chosen(store, "what is a[0]?", "(nothing"))
        await it.press("ctrl+f")
        await it.type("zebra")
        await it.see("nothing found")
        await it.press("enter", "n")
        await it.press("ctrl+f", "ctrl+a", "ctrl+k")
        await it.type("a[0]?")
        await it.see("1 of 1")


def test_places() -> None:
    text = "One two\n   one  TWO\nthree"
    assert Found(("one two",)).places(text) == [(0, 7), (11, 19)]
    assert Found(("one two",)).lines(text) == [0, 1]
    assert Found(("three", "ONE")).lines(text) == [0, 1, 2]
    assert Found(("", " ")).places(text) == []
    assert Found(("ß", "İ")).lines("Straße\nİstanbul") == [0, 1]

"""Whatever a model writes, the terminal is told nothing by it, and it looks like what it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest

from sgl_cli.chat.store.parts import Text
from tests.fake_openai import Answer, piece, said

from .conftest import StartChat
from .driving import Running

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]52;c;cGF5bG9hZA==\x1b\\",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m \x9d0;title\x9c",
    "\x1bPq#0;2;0;0;0#0~~@@\x1b\\",
    "\r\b\x07\x00\x0b\x0c\x7f\x85",
    "\u202eevil\u202c \u2066x\u2069",
]


def letters(it: Running) -> Iterator[str]:
    """Every letter that goes to the terminal."""
    for strip in it.app.screen._compositor.render_strips():
        for segment in strip:
            assert segment.control is None or not segment.control
            link = segment.style.link if segment.style else None
            assert not link
            yield from segment.text


def assert_harmless(it: Running) -> None:
    bad = {letter for letter in letters(it) if unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs")}
    bad |= {letter for letter in letters(it) if "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"}
    assert not bad, ascii(bad)


@pytest.mark.parametrize("cut", [1, 3, 1000])
async def test_control_sequences_never_reach_the_terminal(chat: StartChat, cut: int) -> None:
    text = (
        "Start.\n\n" + "\n\n".join(HOSTILE) + "\n\n```sh\n" + "\n".join(HOSTILE) + "\n```\n\n`" + HOSTILE[0] + "` End."
    )
    pieces = [piece(content=text[at : at + cut]) for at in range(0, len(text), cut)]
    thoughts = [piece(reasoning_content=HOSTILE[0]), piece(reasoning_content=HOSTILE[2])]
    async with chat(Answer([*thoughts, *pieces, piece("stop")]), size=(80, 60)) as it:
        await it.ask("Attack!")
        await it.see("End.")
        assert_harmless(it)
        await it.ended()
        assert_harmless(it)
        await it.press("ctrl+t", "ctrl+t")
        await it.settled()
        assert_harmless(it)
        assert "red" in it.text()


async def test_names_titles_and_errors_are_cleaned(chat: StartChat) -> None:
    error = Answer(status=400, body={"error": {"message": "bad\x1b]0;title\x07 \x1b[31m[bold]request[/bold]"}})
    async with chat(error) as it:
        it.store.threads.rename(it.pane.thread_id, "a [bold]title[/]")
        call = {"index": 0, "id": "1", "function": {"name": "\x1b[31mrm[/]", "arguments": '{"a": "\x1b]0;x\x07[/]"}'}}
        await it.ask("\x1b[31mWhat?")
        await it.see("[bold]request[/bold]")
        assert_harmless(it)
        it.fake.script = [Answer([piece(tool_calls=[call]), piece("tool_calls")])]
        await it.say("And [b]now[/b]?")
        await it.see("rm[/]")
        assert_harmless(it)


@pytest.mark.parametrize(
    "text", ["[bold]x[/]", "[/]", "[@click=app.quit]x[/]", "</think>", "<b>y</b>", "[link='x']", "$accent"]
)
async def test_what_looks_like_markup_is_shown_as_it_is(chat: StartChat, text: str) -> None:
    async with chat(said("It is ", text, " indeed."), said("Code:\n\n```\n", text, "\n```\n")) as it:
        await it.say(f"Write {text} please.")
        assert f"Write {text} please." in it.text()
        assert f"It is {text} indeed." in it.text()
        await it.say("As code.")
        assert text in it.text().partition("As code.")[2]


async def test_text_that_is_stored_is_cleaned_too(chat: StartChat) -> None:
    async with chat(said("Fine.")) as it:
        thread = it.store.threads.new()
        it.store.messages.append(thread.id, "user", [Text("".join(HOSTILE))])
        it.store.messages.append(thread.id, "assistant", [Text("\n\n".join(HOSTILE) + " stored")], model="\x1b[31mm[/]")
        await it.pane.show_thread(thread.id)
        await it.see("stored")
        assert_harmless(it)


async def test_what_is_copied_is_clean(chat: StartChat) -> None:
    async with chat(said("```sh\necho \x1b]52;c;x\x07hi\n```\n")) as it:
        await it.say("Code!")
        await it.click_copy()
        await it.wait_for(lambda: it.app.clipboard)
        assert it.app.clipboard == "echo hi\n"

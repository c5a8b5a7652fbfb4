"""The menu of slash commands, completion, and the palette."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.command import CommandPalette

from sgl_cli.chat.tui.panels.text_screen import TextScreen
from tests.fake_openai import FakeOpenAI

from .conftest import StartChat
from .driving import Running


def rows(it: Running) -> list[str]:
    """The first word of each row of the menu."""
    menu = it.screen.menu
    prompts = [str(menu.get_option_at_index(index).prompt) for index in range(menu.option_count)]
    return [prompt.split()[0] for prompt in prompts] if menu.display else []


async def test_it_opens_filters_and_closes(chat: StartChat) -> None:
    async with chat() as it:
        await it.press("slash")
        assert rows(it)[:3] == ["/help", "/new", "/retry"]
        await it.type("th")
        assert rows(it) == ["/think", "/theme"]
        await it.press("escape")
        assert rows(it) == []
        assert it.screen.composer.text == "/th"
        await it.type("e")
        assert rows(it) == []
        it.screen.composer.put("")
        await it.press("slash")
        assert rows(it)


async def test_letters_in_between_are_found_after_the_beginnings(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("/mdl")
        assert rows(it)[:2] in (["/model", "/models"], ["/models", "/model"])
        it.screen.composer.put("")
        await it.type("/exi")
        assert rows(it)[0] == "/quit"


async def test_enter_runs_the_row(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("/he")
        await it.press("enter")
        await it.wait_for(lambda: isinstance(it.app.screen, TextScreen))
        assert it.screen.composer.text == ""


async def test_enter_on_a_command_that_needs_more_waits_for_it(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("/ren")
        await it.press("enter")
        assert it.screen.composer.text == "/rename "
        await it.type("Tea")
        await it.press("enter")
        await it.wait_for(lambda: it.store.threads.get(it.pane.thread_id).title == "Tea")


async def test_arrows_choose(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("/th")
        await it.press("down", "tab")
        assert it.screen.composer.text == "/theme "
        await it.type("dra")
        assert rows(it) == ["dracula"]
        await it.press("down", "enter")
        await it.wait_for(lambda: it.app.theme == "dracula")


async def test_tab_completes_arguments(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("/set temp")
        assert rows(it) == ["temperature="]
        await it.press("tab")
        assert it.screen.composer.text == "/set temperature="
        await it.type("0.2 top_")
        assert rows(it) == ["top_p=", "top_k="]


async def test_enter_sends_arguments_as_typed(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("/think o")
        assert rows(it) == ["on", "off"]
        await it.type("ff")
        assert rows(it) == []
        await it.press("enter")
        await it.wait_for(lambda: "reasoning: off" in it.notices())
        await it.type("/set temperature=0.4 ")
        assert rows(it)
        await it.press("enter")
        await it.wait_for(lambda: it.store.threads.get(it.pane.thread_id).settings.get("temperature") == 0.4)


async def test_paths_models_presets_and_labels(
    chat: StartChat, fake: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "a.json").write_text("{}")
    fake.models = ["served", "org/large"]
    async with chat() as it:
        await it.type("/json sch")
        assert rows(it) == ["schemas/"]
        await it.press("tab")
        assert rows(it) == ["schemas/a.json"]
        it.screen.composer.put("")
        await it.type("/system @sch")
        assert rows(it) == ["@schemas/"]
        it.screen.composer.put("")
        await it.type("/model lar")
        assert rows(it) == ["org/large"]
        it.screen.composer.put("")
        await it.type("/export h")
        assert rows(it) == ["html"]
        it.screen.composer.put("")
        await it.type("/preset sa")
        assert rows(it) == ["save"]


async def test_history_is_walked_without_the_menu(chat: StartChat) -> None:
    async with chat() as it:
        for text in ("/set top_k=1", "/set top_k=2"):
            await it.type(text)
            await it.press("enter")
            await it.wait_for(lambda text=text: text.removeprefix("/set ") in it.notices())
        await it.press("up")
        assert it.screen.composer.text == "/set top_k=2"
        assert rows(it) == []
        await it.press("up")
        assert it.screen.composer.text == "/set top_k=1"


async def test_it_fits_a_small_screen_in_ascii(chat: StartChat) -> None:
    async with chat(size=(60, 20), unicode=False) as it:
        await it.press("slash")
        await it.settled()
        text = it.text()
        assert "/help" in text
        assert "> " not in text
        lines = [line for line in text.splitlines() if "/help" in line or "+---" in line]
        assert all(line.isascii() for line in lines)
        await it.type("help")
        await it.press("enter")
        await it.wait_for(lambda: isinstance(it.app.screen, TextScreen))
        await it.settled()
        assert "Begin a new chat; the old one is kept." in it.text()


async def test_palette_finds_commands_and_chats(chat: StartChat) -> None:
    async with chat() as it:
        other = it.store.threads.new(title="Whales [/b] and krill")
        it.store.messages.append(other.id, "user", "How large?")
        await it.press("ctrl+p")
        await it.wait_for(lambda: isinstance(it.app.screen, CommandPalette))
        await it.type("/save-prof")
        await it.see("Keep theme, system prompt")
        await it.press(*["backspace"] * 10)
        await it.type("krill")
        await it.see("Whales [/b] and krill")
        await it.press("enter")
        await it.wait_for(lambda: it.pane.thread_id == other.id)
        await it.see("How large?")


async def test_palette_runs_a_command_or_begins_it(chat: StartChat) -> None:
    async with chat() as it:
        await it.press("ctrl+p")
        await it.type("rename")
        await it.see("Give this chat another title.")
        await it.press("enter")
        await it.wait_for(lambda: it.screen.composer.text == "/rename ")
        await it.press("ctrl+p")
        await it.type("stats")
        await it.see("Show the numbers of the answers.")
        await it.press("enter")
        await it.wait_for(lambda: isinstance(it.app.screen, TextScreen))

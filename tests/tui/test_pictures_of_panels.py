"""How the panels look: chats and their search, the line to find words, the palette. What they do is tested apart."""

from __future__ import annotations

import pytest

from tests.fake_openai import said

from .conftest import MatchesSvg, StartChat


@pytest.mark.parametrize("size", [(110, 30), (60, 20)], ids=["wide", "small"])
async def test_search_in_chats(chat: StartChat, matches_svg: MatchesSvg, size: tuple[int, int]) -> None:
    async with chat(said("Ravens are clever birds."), said("Granite is a rock."), size=size) as it:
        await it.say("Birds?")
        await it.press("ctrl+n")
        await it.say("Rocks?")
        await it.press("ctrl+b")
        await it.see("Birds?")
        await it.type("/")
        await it.type("clever")
        await it.wait_for(lambda: "now · Granite" not in it.text())
        await it.see("clever")
        await it.settled()
        matches_svg(it, f"search_{size[0]}")


async def test_find_in_this_chat(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(said("Red, green, red and **red**.")) as it:
        await it.say("Colours?")
        await it.press("ctrl+f")
        await it.type("red")
        await it.see("of 3")
        await it.settled()
        matches_svg(it, "find")


async def test_the_palette(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(said("Hello.")) as it:
        await it.press("ctrl+p")
        await it.wait_for(lambda: it.app.screen is not it.screen)
        await it.type("export")
        await it.see("xport")
        await it.settled()
        matches_svg(it, "palette")
        await it.press("escape")
        await it.wait_for(lambda: it.app.screen is it.screen)

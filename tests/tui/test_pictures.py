"""Pictures in questions: marks in the composer, chips in messages, and what is sent."""

from __future__ import annotations

import base64
import struct
import sys
import types
import zlib
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.widgets import Static

from sgl_cli.chat.images import Picture
from sgl_cli.chat.store.parts import Image, Text
from sgl_cli.chat.tui.message.picture_chip import PictureChip, chip_label
from sgl_cli.chat.tui.message.picture_size import picture_size
from sgl_cli.chat.tui.picture_input import add_picture, picture_from_clipboard, picture_from_url
from sgl_cli.chat.tui.pictures import Pictures
from tests.fake_openai import said

from .conftest import StartChat


def png(width: int = 3, height: int = 2) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = (b"\0" + b"\x80" * width) * height
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_a_dropped_picture_goes_with_the_question(chat: StartChat, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(png())
    async with chat(said("A cat.")) as it:
        it.screen.composer.post_message(Paste(str(path)))
        await it.wait_for(lambda: it.screen.composer.text == "[Image #1] ")
        await it.say("what is it?")
        content = it.fake.requests[0]["messages"][-1]["content"]
        uri = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
        assert content == [
            {"type": "image_url", "image_url": {"url": uri}},
            {"type": "text", "text": "what is it?"},
        ]
        assert f"[picture cat.png 3x2 {len(png())} bytes]" in it.text()
        assert "[Image" not in it.text()
        assert it.store.prompts.recent() == ["what is it?"]


async def test_pictures_follow_their_marks_and_go_with_them(chat: StartChat) -> None:
    async with chat(said("Fine.")) as it:
        for name in ("a", "b", "c"):
            add_picture(it.screen, Picture("image/png", png(), name))
        it.screen.composer.put("[Image #3] and [Image #1] here")
        await it.press("enter")
        await it.ended()
        *images, text = it.pane.path[0].parts
        assert [image.name for image in images if isinstance(image, Image)] == ["c", "a"]
        assert text == Text("and here")


async def test_a_picture_alone_can_be_sent(chat: StartChat) -> None:
    async with chat(said("Fine.")) as it:
        add_picture(it.screen, Picture("image/png", png(), "a.png"))
        await it.press("enter")
        await it.ended()
        assert [type(part) for part in it.pane.path[0].parts] == [Image]


async def test_marks_that_nobody_made_are_text(chat: StartChat) -> None:
    async with chat(said("Fine.")) as it:
        it.screen.composer.put("see [Image #7]")
        await it.press("enter")
        await it.ended()
        assert it.said[0] == ("user", "see [Image #7]")


async def test_an_edited_question_keeps_its_pictures_as_marks(chat: StartChat) -> None:
    async with chat(said("Fine.")) as it:
        add_picture(it.screen, Picture("image/png", png(), "a.png"))
        await it.say("look")
        await it.focus_message(0)
        await it.press("e")
        assert it.screen.composer.text == "[Image #1] look"
        await it.say("er")
        assert [type(part) for part in it.pane.path[0].parts] == [Image, Text]
        await it.focus_message(0)
        await it.press("e")
        it.screen.composer.put("no picture")
        await it.press("enter")
        await it.ended()
        assert it.pane.path[0].parts == (Text("no picture"),)


async def test_a_picture_by_address_is_left_to_the_server(chat: StartChat) -> None:
    async with chat(said("Fine.")) as it:
        picture_from_url(it.screen, "https://example.org/a/cat.png")
        await it.say("look")
        content = it.fake.requests[0]["messages"][-1]["content"]
        assert content[0]["image_url"]["url"] == "https://example.org/a/cat.png"
        assert "[picture cat.png]" in it.text()


async def test_no_picture_on_the_clipboard(chat: StartChat) -> None:
    async with chat(environ={"PATH": ""}) as it:
        picture_from_clipboard(it.screen)
        await it.wait_for(it.notices)
        assert it.notices() == ["there is no picture on the clipboard, or no program here that reads it"]


async def test_a_picture_on_the_clipboard(chat: StartChat, tmp_path: Path) -> None:
    tool = tmp_path / "pngpaste"
    (tmp_path / "p.png").write_bytes(png())
    tool.write_text(f"#!/bin/sh\ncat {tmp_path}/p.png\n")
    tool.chmod(0o755)
    async with chat(environ={"PATH": f"{tmp_path}:/bin:/usr/bin"}) as it:
        picture_from_clipboard(it.screen)
        await it.wait_for(lambda: it.screen.composer.text == "[Image #1] ")


async def test_what_is_no_picture_is_refused(chat: StartChat, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"text")
    async with chat() as it:
        it.screen.composer.post_message(Paste(str(path)))
        await it.wait_for(it.notices)
        assert "is not a PNG, JPEG, GIF or WebP picture" in it.notices()[0]
        assert it.screen.composer.text == ""


async def test_the_library_for_pictures_is_used_where_it_is(chat: StartChat, monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = types.ModuleType("textual_image.widget")
    library.Image = lambda source: Static(f"pixels of {len(source.read())} bytes")
    monkeypatch.setitem(sys.modules, "textual_image", types.ModuleType("textual_image"))
    monkeypatch.setitem(sys.modules, "textual_image.widget", library)
    async with chat(said("Fine.")) as it:
        add_picture(it.screen, Picture("image/png", png(), "a.png"))
        await it.say("look")
        await it.see(f"pixels of {len(png())} bytes")
        assert it.screen.query_one(PictureChip)


def test_sizes_of_pictures() -> None:
    assert picture_size(png(640, 480)) == (640, 480)
    assert picture_size(b"GIF89a" + struct.pack("<HH", 5, 6) + b"\0") == (5, 6)
    app0 = b"\xff\xe0" + struct.pack(">H", 4) + b"\0\0"
    frame = b"\xff\xc2" + struct.pack(">HBHH", 11, 8, 30, 40) + b"\0"
    assert picture_size(b"\xff\xd8" + app0 + frame) == (40, 30)
    vp8x = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (99).to_bytes(3, "little") + (49).to_bytes(3, "little")
    assert picture_size(vp8x) == (100, 50)
    lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (7 | 8 << 14).to_bytes(4, "little") + b"\0" * 8
    assert picture_size(lossless) == (8, 9)
    lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 20, 10)
    assert picture_size(lossy) == (20, 10)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\0\0" * 3, b"GIF89a", png()[:20], b"x" * 99])
def test_damaged_pictures_have_no_size(data: bytes) -> None:
    assert picture_size(data) is None


def test_the_label_of_a_picture() -> None:
    assert chip_label(Image("image/png", "k", name="a\x1b[1m.png"), png()) == f"[picture a.png 3x2 {len(png())} bytes]"
    assert chip_label(Image("image/png", "k"), b"x" * 12_300) == "[picture 12 KB]"
    assert chip_label(Image("", url="https://example.org/x")) == "[picture https://example.org/x]"


def test_marks_are_numbered_and_exchanged() -> None:
    pictures = Pictures()
    one = Picture("image/png", png())
    assert [pictures.add(one), pictures.add(one)] == ["[Image #1] ", "[Image #2] "]
    held = pictures.swap({})
    assert pictures.add(one) == "[Image #1] "
    pictures.swap(held)
    assert pictures.add(one) == "[Image #3] "

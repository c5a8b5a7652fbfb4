"""The clipboard, files, pictures of the screen, the editor, and tracebacks."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sgl_cli.chat.tui.chat_file import file_name
from sgl_cli.chat.tui.exporting import export_chat
from tests.fake_openai import said

from .conftest import StartChat

CODE = "Take this:\n\n```python\nx = 1\ny = 2\n```\n\nDone."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


async def test_y_copies_the_code_and_capital_y_all_of_it(chat: StartChat) -> None:
    async with chat(said(CODE), environ={"PATH": ""}) as it:
        await it.say("code?")
        await it.focus_message(1)
        await it.press("y")
        await it.wait_for(it.notices)
        assert it.app.clipboard == "x = 1\ny = 2\n"
        assert it.notices() == ["copied 2 lines"]
        await it.press("Y")
        assert it.app.clipboard == CODE


async def test_the_word_copy_copies_its_code(chat: StartChat) -> None:
    async with chat(said(CODE)) as it:
        await it.say("code?")
        await it.click_copy()
        await it.wait_for(lambda: it.app.clipboard == "x = 1\ny = 2\n")


async def test_the_program_of_the_desktop_is_named(chat: StartChat, tmp_path: Path) -> None:
    tool = tmp_path / "xclip"
    tool.write_text(f"#!/bin/sh\ncat > {tmp_path}/copied\n")
    tool.chmod(0o755)
    async with chat(said("Fine."), environ={"PATH": f"{tmp_path}:/bin:/usr/bin", "DISPLAY": ":0"}) as it:
        await it.say("how?")
        await it.focus_message(1)
        await it.press("y")
        await it.wait_for(it.notices)
        assert it.notices() == ["copied 5 characters with xclip"]
        assert (tmp_path / "copied").read_text() == "Fine."


async def test_copies_cannot_drive_a_terminal(chat: StartChat) -> None:
    async with chat(said("a\x1b]52;c;QUFB\x07b\x1b[2Jc")) as it:
        await it.say("go")
        await it.focus_message(1)
        await it.press("Y")
        assert it.app.clipboard == "abc"


async def test_ctrl_c_copies_what_is_selected_in_the_composer(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("some words")
        it.screen.composer.select_all()
        await it.press("ctrl+c")
        assert it.app.clipboard == "some words"
        assert it.app.is_running


async def test_export_asks_for_the_format_and_never_overwrites(chat: StartChat, folder: Path) -> None:
    async with chat(said("Hello.")) as it:
        await it.say("What / is *this*?")
        await it.press("ctrl+e")
        assert "Export this chat as" in it.text()
        await it.press("enter")
        await it.wait_for(lambda: it.notices() == ["exported to what-is-this.md"])
        assert "Hello." in (folder / "what-is-this.md").read_text()
        await it.press("ctrl+e", "down", "enter")
        await it.wait_for(lambda: (folder / "what-is-this.json").exists())
        assert json.loads((folder / "what-is-this.json").read_text())
        export_chat(it.screen)
        await it.wait_for(lambda: (folder / "what-is-this-2.md").exists())
        await it.press("ctrl+e", "escape")
        await it.wait_for(lambda: it.app.screen is it.screen)
        assert len(list(folder.iterdir())) == 3


async def test_export_to_a_path(chat: StartChat, folder: Path) -> None:
    async with chat(said("Hello.")) as it:
        export_chat(it.screen)
        assert it.notices() == []
        await it.wait_for(it.notices)
        assert it.notices() == ["there is nothing to export yet"]
        await it.say("hi")
        export_chat(it.screen, "html", folder / "page.html")
        await it.wait_for(lambda: (folder / "page.html").exists())
        export_chat(it.screen, "md", folder)
        await it.wait_for(lambda: (folder / "hi.md").exists())
        export_chat(it.screen, "md", folder / "none" / "x.md")
        await it.wait_for(lambda: any("cannot be written" in notice for notice in it.notices()))
        export_chat(it.screen, "pdf")
        await it.wait_for(lambda: any("formats: md, json, jsonl, html" in notice for notice in it.notices()))


async def test_a_picture_of_the_screen(chat: StartChat, folder: Path) -> None:
    async with chat(said("Hello.")) as it:
        await it.say("hi")
        await it.press("ctrl+s")
        await it.wait_for(lambda: "saved a picture of the screen to hi.svg" in it.notices())
        assert (folder / "hi.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("title", "name"),
    [("", "chat"), ("../../etc/passwd", "etc-passwd"), (".hidden", "hidden"), ("Über uns!", "über-uns"), ("-rf", "rf")],
)
def test_names_of_files(title: str, name: str) -> None:
    assert file_name(title) == name


async def test_a_terminal_that_cannot_be_lent(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("text")
        await it.press("ctrl+g")
        assert it.notices() == ["this terminal cannot be lent to an editor"]
        assert it.screen.composer.text == "text"


async def test_the_editor_changes_the_text(chat: StartChat, tmp_path: Path) -> None:
    editor = tmp_path / "my-editor"
    editor.write_text('#!/bin/sh\nprintf "more" >> "$1"\n')
    editor.chmod(0o755)
    async with chat(environ={"EDITOR": str(editor)}) as it:
        it.app.suspend = _lent  # type: ignore[method-assign]
        await it.type("text")
        await it.press("ctrl+g")
        assert it.screen.composer.text == "text\nmore"


async def test_no_editor_is_a_notice(chat: StartChat) -> None:
    async with chat(environ={"EDITOR": "no-such-editor"}) as it:
        it.app.suspend = _lent  # type: ignore[method-assign]
        await it.type("text")
        await it.press("ctrl+g")
        assert "EDITOR names an editor that is not there: 'no-such-editor'" in it.notices()[0]
        assert it.screen.composer.text == "text"


@pytest.mark.parametrize("debug", ["0", "1"])
async def test_a_bug_leaves_its_traceback_when_asked(chat: StartChat, tmp_path: Path, debug: str) -> None:
    async with chat(environ={"SGL_DEBUG": debug}, size=(200, 30)) as it:
        await it.pane.show_error(RuntimeError("[/x] broken"))
        await it.see("something is wrong in sgl itself: RuntimeError: [/x] broken")
        path = tmp_path / "home" / "state" / "sgl" / "chat-error.log"
        if debug == "0":
            assert "start with SGL_DEBUG=1 to get the traceback in a file" in it.text()
            assert not path.exists()
        else:
            assert "chat-error.log" in it.text()
            assert "RuntimeError: [/x] broken" in path.read_text()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


@contextmanager
def _lent(*_: Any) -> Iterator[None]:
    """A terminal that can be lent."""
    yield

"""The clipboard, with small scripts in the place of the desktop's tools."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl_cli.chat.outside.clipboard import copy, paste_image

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
Program = Callable[[str, str], None]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A desktop of every kind that has no tool yet."""
    (tmp_path / "bin").mkdir()
    screens = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0", "WSL_DISTRO_NAME": "x"}
    return {"PATH": str(tmp_path / "bin"), **screens}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Installs a program that does what the shell lines say; ``$BOARD`` is the clipboard's file."""

    def install(name: str, lines: str) -> None:
        path = tmp_path / "bin" / name
        board = f"PATH={os.environ['PATH']}\nBOARD={tmp_path / 'board'}\n"
        path.write_text(f"#!/bin/sh\n{board}{lines}\n")
        path.chmod(0o755)

    return install


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("pbcopy", "/UTF-8"),
        ("wl-copy", "/"),
        ("xclip", "-selection clipboard/"),
        ("xsel", "--clipboard --input/"),
        ("termux-clipboard-set", "/"),
    ],
)
def test_the_tool_gets_the_text(
    environ: dict[str, str], program: Program, tmp_path: Path, name: str, arguments: str
) -> None:
    program(name, 'cat > $BOARD; printf %s "$*/$LC_CTYPE" > $BOARD.arguments')
    assert copy("héllo\n", environ) == name
    assert (tmp_path / "board").read_text() == "héllo\n"
    assert (tmp_path / "board.arguments").read_text() == arguments


def test_windows_reads_utf_16(environ: dict[str, str], program: Program, tmp_path: Path) -> None:
    program("clip.exe", "cat > $BOARD")
    assert copy("héllo", environ) == "clip.exe"
    assert (tmp_path / "board").read_bytes() == "héllo".encode("utf-16-le")


def test_what_could_drive_a_terminal_is_not_copied(environ: dict[str, str], program: Program, tmp_path: Path) -> None:
    program("wl-copy", "cat > $BOARD")
    copy("ls\x1b]0;title\x07 \x1b[31m-l\ud800\r\n", environ)
    assert (tmp_path / "board").read_text() == "ls -l\ufffd\n"


def test_a_tool_that_fails_makes_room_for_the_next(environ: dict[str, str], program: Program) -> None:
    assert copy("x", environ) == ""
    program("wl-copy", "exit 1")
    assert copy("x", environ) == ""
    program("xclip", "exec cat > /dev/null")
    assert copy("x" * 1_000_000, environ) == "xclip"  # More than a pipe holds, which wl-copy does not read.


def test_tools_of_another_desktop_are_not_asked(environ: dict[str, str], program: Program) -> None:
    for name in ("wl-copy", "xclip", "xsel", "clip.exe"):
        program(name, "cat > /dev/null")
    assert copy("x", {"PATH": environ["PATH"]}) == ""
    assert copy("x", {"PATH": environ["PATH"], "DISPLAY": ":0"}) == "xclip"


def test_a_tool_that_hangs_is_left_alone(environ: dict[str, str], program: Program) -> None:
    program("wl-copy", "exec sleep 30")
    program("wl-paste", "sleep 30")  # A child of the shell holds the pipe.
    began = time.monotonic()
    assert copy("x", environ, seconds=0.2) == ""
    assert paste_image(environ, seconds=0.2) is None
    assert time.monotonic() - began < 10


def test_a_tool_that_stays_to_hold_the_clipboard(environ: dict[str, str], program: Program, tmp_path: Path) -> None:
    program("xclip", "cat > $BOARD; (sleep 30 & echo $! > $BOARD.pid)")
    began = time.monotonic()
    assert copy("x", environ) == "xclip"
    assert time.monotonic() - began < 10
    holder = int((tmp_path / "board.pid").read_text())
    os.kill(holder, 0)  # Still there.
    os.kill(holder, 9)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("wl-paste", "--type image/png"),
        ("xclip", "-selection clipboard -t image/png -o"),
        ("pngpaste", "-"),
    ],
)
def test_a_picture_comes_out(
    environ: dict[str, str], program: Program, tmp_path: Path, name: str, arguments: str
) -> None:
    (tmp_path / "board").write_bytes(PNG)
    program(name, f'[ "$*" = "{arguments}" ] && cat $BOARD')
    picture = paste_image(environ)
    assert picture is not None
    assert (picture.mime, picture.data, picture.name) == ("image/png", PNG, "clipboard")


def test_a_picture_of_apples_script_language(environ: dict[str, str], program: Program) -> None:
    program("osascript", f'[ "$1" = -e ] && printf "«data PNGf{PNG.hex().upper()}»\\n"')
    picture = paste_image(environ)
    assert picture is not None
    assert picture.data == PNG
    for other in ("«data PNGf123»", "«data PNGf»", "text", ""):
        program("osascript", f'printf "{other}"')
        assert paste_image(environ) is None


def test_no_picture(environ: dict[str, str], program: Program) -> None:
    assert paste_image(environ) is None
    program("wl-paste", "echo 'No selection' >&2; exit 1")
    assert paste_image(environ) is None
    program("wl-paste", "echo some text")  # A program that answers with text, whatever it is asked for.
    assert paste_image(environ) is None


def test_a_picture_that_is_too_large(environ: dict[str, str], program: Program) -> None:
    program("wl-paste", r"printf '\211PNG\r\n\032\n'; exec cat /dev/zero")
    with pytest.raises(UsageError, match="more than the 20 MiB"):
        paste_image(environ)

"""A message in the person's editor, with small scripts in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl_cli.chat.outside.editor import edit, editor_command

Program = Callable[[str, str], None]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine without an editor."""
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin")}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Installs an editor that does what the shell lines say to the file ``$1``."""

    def install(name: str, lines: str) -> None:
        path = tmp_path / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nPATH={os.environ['PATH']}\n{lines}\n")
        path.chmod(0o755)

    return install


def test_which_editor(environ: dict[str, str], program: Program, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no editor here"):
        editor_command(environ)
    found = []
    for name in ("vi", "vim", "nano", "ed", "emacs"):
        program(name, "")
        found.append(editor_command(environ))
    assert found == [["vi"], ["vim"], ["nano"], ["nano"], ["nano"]]
    environ["EDITOR"] = "vim -c 'set tw=72'"
    assert editor_command(environ) == ["vim", "-c", "set tw=72"]
    environ["VISUAL"] = "  "
    assert editor_command(environ)[0] == "vim"
    environ["VISUAL"] = "emacs"
    assert editor_command(environ) == ["emacs"]
    program("My Editor/ed it", "")
    environ["VISUAL"] = str(tmp_path / "bin" / "My Editor" / "ed it")
    assert editor_command(environ) == [environ["VISUAL"]]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("code", ["code", "--wait"]),
        ("code -n", ["code", "--wait", "-n"]),
        ("code -w", ["code", "-w"]),
        ("code --wait", ["code", "--wait"]),
        ("gvim", ["gvim", "--nofork"]),
    ],
)
def test_an_editor_with_a_window_is_told_to_wait(
    environ: dict[str, str], program: Program, text: str, command: list[str]
) -> None:
    program(command[0], "")
    assert editor_command({**environ, "EDITOR": text}) == command


@pytest.mark.parametrize("text", ["nope", "nope --wait", "'open", "/no/such/editor"])
def test_a_variable_that_names_none(environ: dict[str, str], program: Program, text: str) -> None:
    program("nano", "")
    with pytest.raises(UsageError, match="VISUAL") as caught:
        editor_command({**environ, "VISUAL": text})
    assert caught.value.hint is not None


def test_the_text_goes_there_and_back(environ: dict[str, str], program: Program, tmp_path: Path) -> None:
    program(
        "nano",
        f'cp "$1" {tmp_path}/seen; (ls -l "$1"; ls -ld "$(dirname "$1")") > {tmp_path}/rights; echo more >> "$1"',
    )
    assert edit("héllo\nworld", environ) == "héllo\nworld\nmore"
    assert (tmp_path / "seen").read_text() == "héllo\nworld\n"
    file, folder = (tmp_path / "rights").read_text().splitlines()
    assert (file[:10], folder[:10]) == ("-rw-------", "drwx------")
    assert file.endswith(".md")
    assert not Path(folder.split()[-1]).exists()
    assert edit("", environ, ".txt") == "more"


@pytest.mark.parametrize("text", ["", "\n", "a", "a\n", "a\n\n", " a \nb"])
def test_a_text_that_is_not_changed_stays_as_it_is(environ: dict[str, str], program: Program, text: str) -> None:
    program("nano", "exit 0")
    assert edit(text, environ) == text


def test_line_ends_of_another_system_and_half_a_letter(environ: dict[str, str], program: Program) -> None:
    program("nano", r"""printf 'a\r\nb\r\n' > "$1" """)
    assert edit("x", environ) == "a\nb"
    program("nano", "")
    assert edit("a\ud800", environ) == "a?"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("exit 1", "nano ended with status 1; the text is as it was"),
        ("kill -TERM $$", "nano ended by signal 15"),
        ('rm "$1"', "nano left no file"),
        ('rm "$1"; mkdir "$1"', "is a folder"),
        (r"""printf '\377' > "$1" """, "is not text in UTF-8"),
    ],
)
def test_an_editor_that_fails(environ: dict[str, str], program: Program, lines: str, message: str) -> None:
    program("nano", lines)
    with pytest.raises(UsageError, match=message):
        edit("a", environ)


def test_a_program_that_cannot_be_run(environ: dict[str, str], program: Program, tmp_path: Path) -> None:
    program("nano", "")
    (tmp_path / "bin" / "nano").write_text("#!/no/such/interpreter\n")
    with pytest.raises(UsageError, match="nano cannot be started"):
        edit("a", environ)


def test_ctrl_c_is_for_the_editor(environ: dict[str, str], program: Program, tmp_path: Path) -> None:
    # The editor sends what the terminal would send to both; it goes by its own way of taking it.
    program(
        "nano", f'trap "echo asked >> $1; exit 0" INT; kill -INT $PPID; kill -INT $$; sleep 1; echo > {tmp_path}/no'
    )
    code = (
        "import os, signal, sys\nfrom sgl_cli.chat.outside.editor import edit\n"
        "before = signal.getsignal(signal.SIGINT)\nprint(edit('a', os.environ))\n"
        "assert signal.getsignal(signal.SIGINT) is before"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environ)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "a\nasked\n", "")
    assert not (tmp_path / "no").exists()

"""``sgl`` itself: its overview, its version, the names it knows and those it does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sgl
from sgl.config.help import serve_help
from sgl.launcher import launch
from sgl_cli.main import main, overview
from sgl_cli.table import COMMANDS, PLANNED


def test_the_overview_is_plain_and_lists_what_works_only() -> None:
    page = overview()
    assert page.isascii()
    assert max(map(len, page.splitlines())) <= 80
    assert [line.split()[0] for line in page.splitlines() if line.startswith("  ")][: len(COMMANDS)] == [
        command.name for command in COMMANDS
    ]
    assert not [name for name in PLANNED if name in page.split()]


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_help_goes_to_stdout(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (overview() + "\n", "")


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["serve", "--version"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"sgl {sgl.__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["-m", "x", "--help"]])
def test_help_of_serve_is_the_same_by_every_way(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *words]) == 0
    assert capsys.readouterr().out == serve_help("sgl serve") + "\n"
    assert launch(words, {}) == 0
    assert capsys.readouterr().out == serve_help("python -m sgl.launcher") + "\n"


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["serv"], "unknown command 'serv'", "did you mean 'sgl serve'?"),
        (["SERVE"], "unknown command 'SERVE'", "did you mean 'sgl serve'?"),
        (["xyz"], "unknown command 'xyz'", "this version has: serve"),
        (["-m", "model"], "unknown flag '-m'", "flags of a command follow its name: sgl serve -m ..."),
        *(([name], f"'sgl {name}' is not in this version yet", "this version has: serve") for name in PLANNED),
        (["chat", "--help"], "'sgl chat' is not in this version yet", "this version has: serve"),
    ],
)
def test_other_words(words: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"error: {error}\n  hint: {hint}\n")


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["serve", "./no/such/model"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "no/such/model" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("program", [["-m", "sgl.launcher"], ["-m", "sgl_cli.main"]])
def test_processes_end_with_code_2_and_one_error(program: list[str]) -> None:
    words = ["--tensor-paralel-size", "2"]
    if program[1] == "sgl_cli.main":
        program = ["-c", "import sys\nfrom sgl_cli.main import main\nsys.exit(main())", "serve"]
    finished = subprocess.run([sys.executable, *program, *words], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr == (
        "error: unknown flag --tensor-paralel-size\n  hint: did you mean --tensor-parallel-size (short: --tp)?\n"
    )


def test_debug_shows_where_an_error_came_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SGL_DEBUG", "1")
    assert main(["serve", "--prot", "1"]) == 2
    assert capsys.readouterr().err.startswith("Traceback")

"""``sgl`` itself: its overview, its version, the names it knows and those it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest

import sgl
from sgl.config.arguments import parse_serve
from sgl.config.help import serve_help
from sgl.launcher import launch
from sgl_cli.main import main
from sgl_cli.mistakes import ELSEWHERE
from sgl_cli.overview import overview
from sgl_cli.table import COMMANDS, GROUPS, PLANNED
from sgl_cli.tree import read_tree, walk

HAS = f"this version has: {', '.join(command.name for command in COMMANDS)}"


def test_the_overview_is_plain_and_lists_what_works_only() -> None:
    page = overview()
    assert page.isascii()
    assert max(map(len, page.splitlines())) <= 80
    listed = [line.split()[0] for line in page.splitlines() if line.startswith("  ")]
    assert listed[: len(COMMANDS)] == [
        command.name for group in GROUPS for command in COMMANDS if command.group == group
    ]
    assert not [name for name in PLANNED if name in page.split()]


def test_every_command_has_a_group() -> None:
    assert {command.group for command in COMMANDS} == set(GROUPS)


def test_the_examples_of_the_overview_can_be_parsed() -> None:
    lines = [line.strip() for line in overview().partition("Examples:")[2].splitlines() if line.strip()]
    assert 3 <= len(lines) <= 4
    for line in lines:
        name, *words = line.split("  ")[0].split()[1:]
        assert name in [command.name for command in COMMANDS]
        if name == "serve":
            assert parse_serve(words, {}, folder=None)


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["help"], ["help", "--help"]])
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
        (["xyz"], "unknown command 'xyz'", HAS),
        (["-m", "model"], "unknown flag '-m'", "did you mean 'sgl serve -m model'?"),
        (["--model=x", "-d"], "unknown flag '--model=x'", "did you mean 'sgl serve --model=x -d'?"),
        (["--port", "1"], "unknown flag '--port'", "flags of a command follow its name"),
        (["Qwen/Qwen3-0.6B"], "unknown command 'Qwen/Qwen3-0.6B'", "to serve a model: sgl serve Qwen/Qwen3-0.6B"),
        (["./m", "--tp", "1"], "unknown command './m'", "to serve a model: sgl serve ./m --tp 1"),
        (["serve", "serve", "x"], "'serve' is there twice", "leave one out: sgl serve x"),
        (["run", "x"], "unknown command 'run'", "here it is 'sgl serve x'"),
        (["pull", "x"], "unknown command 'pull'", "here it is 'sgl download x'"),
        (["ls"], "unknown command 'ls'", "here it is 'sgl models'"),
        (["rm", "x"], "unknown command 'rm'", "here it is 'sgl models rm x'"),
        (["check_env"], "unknown command 'check_env'", "here it is 'sgl doctor'"),
        (["run", "\x1b[31m"], "unknown command 'run'", "here it is 'sgl serve ...'"),
        (["pul"], "unknown command 'pul'", "did you mean 'sgl download'?"),
        (["dcotor"], "unknown command 'dcotor'", "did you mean 'sgl doctor'?"),
        (["help", "serv"], "unknown command 'serv'", "did you mean 'sgl serve'?"),
        (["--version", "x"], "--version takes --json and nothing else, got 'x'", None),
        *(([name], f"'sgl {name}' is not in this version yet", HAS) for name in PLANNED),
    ],
)
def test_other_words(words: list[str], error: str, hint: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"error: {error}\n" + (f"  hint: {hint}\n" if hint else ""))


def test_what_is_called_otherwise_elsewhere_exists_here() -> None:
    ours = {" ".join(node.words) for node in walk(read_tree())} | {"--version"}
    assert set(ELSEWHERE.values()) <= ours
    assert not ELSEWHERE.keys() & {*(command.name for command in COMMANDS), *PLANNED}


def test_versions_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sgl"] == sgl.__version__
    assert document["packages"]["torch"] == metadata.version("torch")
    assert document["python"] == sys.version.split()[0]


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["serve", "./no/such/model"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "no/such/model" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("program", [["-m", "sgl.launcher"], ["-m", "sgl_cli"]])
def test_processes_end_with_code_2_and_one_error(program: list[str]) -> None:
    words = ["--tensor-paralel-size", "2"]
    if program[1] == "sgl_cli":
        program = ["-m", "sgl_cli", "serve"]
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

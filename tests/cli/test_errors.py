"""Wrong words for commands that Typer parses: one line in our manner, the closest right word, exit code 2."""

from __future__ import annotations

import enum
import io
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from sgl_cli.invoke import invoke
from sgl_cli.main import main
from sgl_cli.table import COMMANDS, Command

from .sample import SAMPLES, called

MISTAKES = [
    ("one", "sgl one needs MODEL", "sgl one [flags] MODEL [WORD...]"),
    ("one m -n 0", "--count expects an integer from 1 to 10, got '0'", None),
    ("one m --count two", "--count expects an integer from 1 to 10, got 'two'", None),
    ("one m --count=two", "--count expects an integer from 1 to 10, got 'two'", None),
    ("one m --count=", "--count is empty; it expects an integer from 1 to 10", None),
    ("one m --count", "--count expects a value", None),
    ("one m -n", "-n expects a value", None),
    ("one m --least -1", "--least expects an integer of at least 0, got '-1'", None),
    ("one m --rate fast", "--rate expects a number, got 'fast'", None),
    ("one m --tokens 8q", "--tokens: '8q' is not a whole number", None),
    ("one m --tag a", "--tag expects an integer, got 'a'", None),
    ("one m --tag 1 --tag b", "--tag expects an integer, got 'b'", None),
    ("one m --pair 1", "--pair expects 2 values", None),
    ("one m --pair 1 x", "--pair expects an integer, got 'x'", None),
    ("one m --color alwys", "--color expects one of auto, always, never, got 'alwys'", "did you mean always?"),
    ("one m --color purple", "--color expects one of auto, always, never, got 'purple'", None),
    ("one m --template /no/such", "--template: file '/no/such' does not exist", None),
    ("one m --template /", "--template: file '/' is a directory", None),
    ("one m --json=1", "--json takes no value", "write --json alone"),
    ("one m --coutn 3", "unknown flag --coutn", "did you mean --count?"),
    ("one m --local_dri x", "unknown flag --local-dri", "did you mean --local-dir?"),
    ("one m --COUNT 3", "unknown flag --COUNT", "did you mean --count?"),
    ("one m --temp x", "unknown flag --temp", "did you mean --template?"),
    ("one m -json", "unknown flag -json", "did you mean --json?"),
    ("one m -x", "unknown flag -x", "sgl one --help lists every flag"),
    ("one m --zzzzzz=1", "unknown flag --zzzzzz", "sgl one --help lists every flag"),
    ("one m --secre", "unknown flag --secre", "sgl one --help lists every flag"),
    ("many --foo", "unknown flag --foo", "sgl many --help lists every flag"),
    ("many rmm x", "unknown command 'sgl many rmm'", "did you mean 'sgl many rm'?"),
    ("many RM x", "unknown command 'sgl many RM'", "did you mean 'sgl many rm'?"),
    ("many zzz", "unknown command 'sgl many zzz'", "there is: rm, fail"),
    ("many rm", "sgl many rm needs REPOSITORY", "sgl many rm [flags] REPOSITORY..."),
    ("many rm x --yess", "unknown flag --yess", "did you mean --yes?"),
    ("many fail bad", "the thing is not good", None),
    ("many fail model", "no", "yes"),
    ("strict", "'sgl strict' needs one of its commands: left, right", None),
    ("strict left extra", "unexpected argument 'extra'", "sgl strict left [flags]"),
    ("strict right a b c", "unexpected argument 'b c'", "sgl strict right [flags] [SERVER]"),
]


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with called(SAMPLES):
        code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(("line", "error", "hint"), MISTAKES)
def test_a_mistake(line: str, error: str, hint: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(line.split(), capsys)
    assert (code, out) == (2, "")
    assert err == f"error: {error}\n" + (f"  hint: {hint}\n" if hint else "")


def test_a_variable_is_named_when_its_value_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "big")
    assert run(["one", "m"], capsys) == (2, "", "error: SAMPLE_SIZE expects an integer, got 'big'\n")


def test_words_of_terminals_are_not_echoed_raw(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["one", "m", "--count", "\x1b[31m"], ["one", "m", "--\x1b[31m"], ["many", "\x1b[31m"]):
        code, _, err = run(words, capsys)
        assert code == 2
        assert "\x1b" not in err


def test_underscores_stand_for_dashes_in_flags_only(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["one", "a_b", "--local_dir", "c_d", "--no_follow", "--", "--e_f"], capsys)
    assert code == 0
    assert out.startswith("a_b ['--e_f'] ")
    assert " c_d " in out


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("one m", 7),
        ("one m --no-follow", 0),
        ("many", 0),
        ("many rm x -y", 3),
        ("many fail", 5),
        ("many fail interrupt", 130),
        ("strict left", 0),
    ],
)
def test_exit_codes_come_through(line: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split(), capsys)[0] == code


def test_a_question_without_an_answer(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = run(["many", "rm", "x"], capsys)
    assert code == 1
    assert err == "\nerror: nothing was done: the question was not answered\n"

    class Interrupted(io.StringIO):
        def readline(self, *_: Any) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Interrupted())
    code, _, err = run(["many", "rm", "x"], capsys)
    assert (code, err.strip()) == (130, "")


def test_words_of_a_command_that_passes_them_on_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["passing", "--dtype", "x", "-tp", "2"], capsys)[:2] == (0, "['--dtype', 'x', '-tp', '2']\n")


class Wrong(enum.Enum):
    """How one flag is used wrongly."""

    MISSPELT = "misspelt"
    VALUELESS = "valueless"
    WITH_VALUE = "with value"


def flags_of_every_command() -> Iterator[Any]:
    for row in (*COMMANDS, *SAMPLES):
        if row.name != "serve":  # It has its own parser, and its own tests: test_mistakes.py.
            yield from _flags(row, get_command(row.load_app()), ())


def _flags(row: Command, command: Any, path: tuple[str, ...]) -> Iterator[Any]:
    passes_on = command.context_settings.get("ignore_unknown_options")
    for parameter in command.params:
        if parameter.param_type_name != "option" or parameter.hidden:
            continue
        for name in (*parameter.opts, *parameter.secondary_opts):
            is_switch = parameter.is_flag or parameter.count
            wrongs = [Wrong.MISSPELT] if name.startswith("--") and len(name) > 4 and not passes_on else []
            wrongs += [] if is_switch else [Wrong.VALUELESS]
            wrongs += [Wrong.WITH_VALUE] if is_switch and name.startswith("--") else []
            for wrong in wrongs:
                yield pytest.param(row, path, name, wrong, id=" ".join([row.name, *path, name, wrong.value]))
    for name, child in getattr(command, "commands", {}).items():
        yield from _flags(row, child, (*path, name))


@pytest.mark.parametrize(("row", "path", "name", "wrong"), list(flags_of_every_command()))
def test_every_flag_of_every_command(
    row: Command, path: tuple[str, ...], name: str, wrong: Wrong, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer names the flag, whichever way it is wrong; nothing of Typer's own wording comes through."""
    misspelt = name[:-2] + name[-1] + name[-2] + "x"
    word = {Wrong.MISSPELT: misspelt, Wrong.VALUELESS: name, Wrong.WITH_VALUE: f"{name}=1"}[wrong]
    with called((row,)):
        assert main([row.name, *path, word]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0].startswith("error: ")
    # What is misspelt of --jsonl may be closer to --json.
    assert name in captured.err or name.startswith(lines[1].removesuffix("?").split()[-1])
    assert len(lines) <= 2
    for leak in ("Option", "pydantic", "Input should", "Usage", "Traceback", "╭"):
        assert leak not in captured.err
    if wrong is Wrong.MISSPELT:
        assert lines[0] == f"error: unknown flag {misspelt}"
        assert "did you mean" in lines[1]


def test_help_of_typer_itself_is_never_reached() -> None:
    """A group that runs nothing by itself says which commands it has; help is asked for with --help."""
    assert invoke(SAMPLES[0], ["m", "--no-follow"]) == 0

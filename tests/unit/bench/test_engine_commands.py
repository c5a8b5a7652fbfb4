"""The three commands as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from sgl.errors import UsageError
from sgl_cli.bench.engine.commands import add_to


def run(*words: str) -> int:
    """What a command returns; errors are raised."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    add_to(app)
    command = get_command(app)
    with command.make_context("sgl bench", list(words)) as context:
        return int(command.invoke(context) or 0)


def test_offline_prints_a_document(stories260k: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--dataset random --num-prompts 3 --input-len 20 --output-len 4 --page-size 8 --json"

    assert run("offline", "-m", str(stories260k), *words.split()) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "offline"
    assert document["engine"]["page_size"] == 8
    assert document["summary"]["output_tokens"] == 12
    assert document["dataset"]["temperature"] == 0


def test_one_batch_prints_a_table(stories260k: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--batch 2 --input-len 16 --output-len 3 --repeat 1 --no-breakdown --dtype float32"

    assert run("one-batch", "-m", str(stories260k), *words.split()) == 0

    shown = capsys.readouterr().out
    assert "one batch: 16 in, 3 out" in shown
    assert "float32 on cpu" in shown
    assert "where the time goes" not in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("one-batch --batch 1,x", "--batch takes numbers"),
        ("offline --seed 4", "public-256 has one seed"),
        ("offline --scale 2", "--scale takes a part"),
        ("offline --dataset nonsense", "--dataset expects"),
        ("offline --no-such-flag", "no-such-flag"),
        ("startup --tp two", "--tp"),
    ],
)
def test_wrong_usage_is_one_line(words: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(*words.split())


@pytest.mark.parametrize("command", ["offline", "one-batch", "startup"])
def test_help_is_written_for_people(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        run(command, "--help")

    assert "Every flag of sgl serve is taken, too" in " ".join(capsys.readouterr().out.split())

"""Help pages: equal to what the parser knows, eighty columns wide, and the same by every way of asking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sgl_cli.main import main
from sgl_cli.pages import page_file, read_page
from sgl_cli.pages.render import WIDTH, render
from sgl_cli.table import COMMANDS, Command
from sgl_cli.tree import Node, read_command, read_tree, walk

from .sample import MANY, ONE, SAMPLES, called

PAGED = [node for node in walk(read_tree()) if node.words[0] != "serve"]


def parser_of(row: Command, words: tuple[str, ...]) -> Any:
    command: Any = get_command(row.load_app())
    for word in words[1:]:
        command = command.commands[word]
    return command


def row_of(node: Node) -> Command:
    return next(row for row in (*COMMANDS, *SAMPLES) if row.name == node.words[0])


@pytest.mark.parametrize("node", [*PAGED, *walk(read_tree(SAMPLES))], ids=lambda node: " ".join(node.words))
def test_a_page_says_what_typer_says(node: Node) -> None:
    """Typer's own help, with every flag, help text and default, word for word; only its layout is another."""
    command = parser_of(row_of(node), node.words)
    context = command.context_class(command, info_name=node.program, **command.context_settings)
    page = " ".join(render(node).split())
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        for name in (*parameter.opts, *parameter.secondary_opts) if parameter.param_type_name == "option" else ():
            assert name in page
        if "--help" not in parameter.opts:
            assert " ".join((parameter.help or "").split()) in page
    for line in (command.help or "").split("\n"):
        assert " ".join(line.split()) in page
    for name, child in getattr(command, "commands", {}).items():
        assert child.hidden or f" {name} " in page


@pytest.mark.parametrize("node", [*PAGED, *walk(read_tree(SAMPLES))], ids=lambda node: " ".join(node.words))
def test_a_page_is_plain_and_fits(node: Node) -> None:
    page = render(node)
    assert page.isascii()
    assert max(map(len, page.splitlines())) <= WIDTH
    assert not [line for line in page.splitlines() if line != line.rstrip()]
    assert page.startswith(f"usage: {node.program}")


@pytest.mark.parametrize("node", PAGED, ids=lambda node: " ".join(node.words))
def test_every_way_of_asking(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    name, *rest = node.words
    for words in ([*node.words, "--help"], [*node.words, "-h"], ["help", *node.words], [name, "--help", *rest]):
        assert main(words) == 0
        assert capsys.readouterr().out == render(node) + "\n"


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_the_summary_of_the_overview_is_that_of_the_command(row: Command) -> None:
    assert read_command(row).summary == row.summary


def test_help_wins_over_what_stands_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    with called(SAMPLES):
        assert main(["many", "--json", "rm", "x", "--foo", "--help"]) == 0
        assert capsys.readouterr().out.startswith("usage: sgl many rm [flags] REPOSITORY...\n")
        assert main(["one", "m", "--no-follow", "--", "--help"]) == 0
        assert capsys.readouterr().out.startswith("m ['--help']")


def test_a_page_that_is_there_is_read_and_one_that_is_not_is_rendered(tmp_path: Path) -> None:
    assert read_page(ONE, [], tmp_path) == render(read_command(ONE))
    assert read_page(MANY, ["rm"], tmp_path).startswith("usage: sgl many rm ")
    page_file(["many"], tmp_path).write_text("many\n")
    page_file(["many", "rm"], tmp_path).write_text("rm\n")
    assert read_page(MANY, [], tmp_path) == "many"
    assert read_page(MANY, ["x", "rm"], tmp_path) == "rm"
    assert read_page(MANY, ["../many", "fail"], tmp_path) == "many"

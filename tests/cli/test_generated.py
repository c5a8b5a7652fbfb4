"""What is generated is what is checked in, and has everything in it (U3, U13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.config.flags import SERVE_FLAGS
from sgl.env import VARIABLES
from sgl_cli.completion.shells import SCRIPTS
from sgl_cli.completion.spec import flags_of
from sgl_cli.generate import PAGES, generated, main
from sgl_cli.tree import Node, read_tree, walk

NODES = read_tree()
FILES = generated(NODES)
HOW = "run: python -m sgl_cli.generate"


@pytest.mark.parametrize("name", FILES)
def test_a_generated_file_is_up_to_date(name: str, root: Path) -> None:
    assert (root / name).is_file(), HOW
    assert (root / name).read_text(encoding="utf-8") == FILES[name], HOW


def test_there_are_no_pages_of_commands_that_are_no_more(root: Path) -> None:
    assert {str(path.relative_to(root)) for path in (root / PAGES).glob("*.txt")} <= FILES.keys(), HOW
    assert {path.name for path in (root / "completions").iterdir()} == set(SCRIPTS.values())


def test_generating_writes_what_is_missing_and_removes_what_is_old(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / PAGES / "old.txt"
    old.parent.mkdir(parents=True)
    old.touch()
    assert main(tmp_path) == 0
    assert not old.exists()
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == FILES.keys()
    capsys.readouterr()
    assert main(tmp_path) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("script", SCRIPTS.values())
@pytest.mark.parametrize("node", list(walk(NODES)), ids=lambda node: " ".join(node.words))
def test_every_flag_is_in_every_script(node: Node, script: str) -> None:
    text = FILES[f"completions/{script}"]
    for flag in flags_of(node):
        for name in flag.names:
            spelled = name if script != "sgl.fish" else f" {name[2:]}" if name.startswith("--") else f" {name[1:]}"
            assert spelled in text


def test_every_command_flag_and_variable_is_in_the_reference() -> None:
    page = FILES["docs/cli.md"]
    for node in walk(NODES):
        section = page.partition(f"\n## {node.program}\n")[2].partition("\n## ")[0]
        assert node.summary in section
        for flag in node.flags:
            assert all(name in section for name in flag.names if node.words != ("serve",))
            assert flag.help.split(".")[0].replace("_", "\\_")[:20] in section or node.words == ("serve",)
    for serve_flag in SERVE_FLAGS:
        assert all(f"`{spelling}`" in page for spelling in serve_flag.spellings)
        assert f"`{serve_flag.variable}`" in page
    for variable in VARIABLES:
        assert f"`{variable.name}`" in page


def test_links_of_the_reference_lead_somewhere() -> None:
    page = FILES["docs/cli.md"]
    for node in walk(NODES):
        assert f"](#{node.program.replace(' ', '-')})" in page
        assert f"\n## {node.program}\n" in page

"""``python -m sgl_cli.generate [FOLDER]``: writes what is made from the commands, in a checkout.

Help pages go to commands/pages/, completion scripts to completions/, the reference to docs/cli.md.
`tests/cli/test_generated.py` holds them equal to the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sgl.errors import UsageError
from sgl.exits import run

from .completion.generate import scripts
from .pages import page_file
from .pages.render import render
from .reference import reference
from .table import COMMANDS
from .tree import Node, read_tree, walk

PAGES: Final = "commands/pages"


def generated(nodes: Sequence[Node]) -> dict[str, str]:
    """Every generated file by its path in the checkout."""
    with_page = {command.name for command in COMMANDS if not command.page}
    pages = {
        str(page_file(node.words, Path(PAGES))): render(node) + "\n"
        for node in walk(nodes)
        if node.words[0] in with_page
    }
    completions = {f"completions/{name}": text for name, text in scripts(nodes).items()}
    return {**pages, **completions, "docs/cli.md": reference(nodes)}


def main(folder: Path) -> int:
    """Writes the files into a checkout, and removes pages of commands that are no more."""
    files = generated(read_tree())
    for path in (folder / PAGES).glob("*.txt"):
        if str(path.relative_to(folder)) not in files:
            path.unlink()
            print(f"removed {path.relative_to(folder)}")
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 0


def _checkout() -> Path:
    """The folder that this file is in a checkout of.

    Raises:
        UsageError: It is an installed one, which has no folders for what is generated.
    """
    folder = Path(__file__).resolve().parents[1]
    if not (folder / "pyproject.toml").is_file():
        raise UsageError("this sgl is not a checkout", hint="python -m sgl_cli.generate FOLDER writes elsewhere")
    return folder


if __name__ == "__main__":
    sys.exit(run(lambda: main(Path(sys.argv[1]) if sys.argv[1:] else _checkout())))

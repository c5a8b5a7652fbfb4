"""What the documents claim, where a test can hold them to it."""

from __future__ import annotations

from pathlib import Path

from sgl.config.flags import BY_SPELLING
from tests.test_floors import FLOORS


def words_of(text: str) -> set[str]:
    return {word.strip("`,.|()'\"") for word in text.split()}


def test_ci_runs_the_commands_of_the_readme(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    ci = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for command in ('python -m pip install -e ".[test]"', "python -m pytest -n 2 --dist worksteal"):
        assert command in readme.splitlines()
        assert command in ci


def test_the_flags_of_the_readme_exist(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in readme.splitlines() if line.startswith("| `--"))
    flags = {word for word in words_of(table) if word.startswith("-")}
    assert len(flags) > 20
    assert flags <= BY_SPELLING.keys()


def test_the_structure_page_has_the_floors_of_the_test(root: Path) -> None:
    page = (root / "docs" / "structure.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| ")]
    floors = [(int(number), words_of(names)) for number, names in rows if number.strip().isdigit()]
    assert floors == [*enumerate(FLOORS), (len(FLOORS), {"commands/"})]


def test_paths_in_the_structure_page_exist(root: Path) -> None:
    page = (root / "docs" / "structure.md").read_text(encoding="utf-8")
    named = {word for word in page.replace("`", " ` ").split() if word.endswith(".py") and "/" in word}
    assert named
    for path in named:
        assert (root / path).is_file() or (root / "sgl" / path).is_file(), path

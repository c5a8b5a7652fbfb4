"""Completion of a path that is being typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sgl_cli.chat.outside.paths import complete_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and the folder where the program runs."""
    for folder in ("Documents", "Downloads", ".config", "my cat's"):
        (tmp_path / folder).mkdir()
    for file in ("data.csv", ".bashrc", "Documents/a.md", "my cat's/b c.png", "new\nline", "half\udcff"):
        (tmp_path / file).write_text("")
    (tmp_path / "link").symlink_to("Documents")
    (tmp_path / "dangling").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("", ["Documents/", "Downloads/", "dangling", "data.csv", "link/", "my cat's/"]),
        ("Do", ["Documents/", "Downloads/"]),
        ("Documents", ["Documents/"]),
        ("Documents/", ["Documents/a.md"]),
        ("./da", ["./dangling", "./data.csv"]),
        ("my cat's/b ", ["my cat's/b c.png"]),
        (".", ["./", ".bashrc", ".config/"]),
        ("..", ["../"]),
        (".b", [".bashrc"]),
        ("~", ["~/"]),
        ("~/Doc", ["~/Documents/"]),
        ("~/Documents/", ["~/Documents/a.md"]),
        ("zzz", []),
        ("nowhere/", []),
        ("data.csv/", []),
        ("~nobody-of-this-name/", []),
        ("a\0/b", []),
        ("\ud800/", []),
        ("x" * 5000 + "/", []),
    ],
)
def test_what_a_text_may_become(home: Path, text: str, becomes: list[str]) -> None:
    assert complete_path(text, {"HOME": str(home)}) == becomes


def test_absolute_paths_and_other_homes(home: Path) -> None:
    assert complete_path(f"{home}/Dow", {}) == [f"{home}/Downloads/"]
    assert complete_path("~/Doc", {"HOME": "/no/such/home"}) == []
    assert complete_path("~/Doc", {}) == []


def test_a_large_folder_is_cut(home: Path) -> None:
    (home / "many").mkdir()
    for number in range(300):
        (home / "many" / f"{number:03}").write_text("")
    assert complete_path("many/", {}) == [f"many/{number:03}" for number in range(50)]


def test_a_folder_that_is_gone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "gone").mkdir()
    monkeypatch.chdir(home / "gone")
    os.rmdir(home / "gone")
    assert complete_path("", {}) == []

"""docs/chat.md names every key and every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl_cli.chat.tui.key_names import key_names
from sgl_cli.chat.tui.keys import MESSAGE, SCREEN, SESSION_ROW, Key
from sgl_cli.chat.tui.slash.command import Command
from sgl_cli.chat.tui.slash.table import COMMANDS


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "chat.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", [*SCREEN, *MESSAGE, *SESSION_ROW], ids=lambda row: row.id)
def test_every_key_is_there(row: Key, page: str) -> None:
    assert f"| {key_names(row, {})} | {row.text} | `{row.id}` |" in page


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_there(command: Command, page: str) -> None:
    usage = command.usage.replace("|", "\\|")
    assert f"| `{usage}` | {command.help} |" in page

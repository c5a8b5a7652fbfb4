"""The text of ``sgl --help``."""

from __future__ import annotations

from typing import Final

from .table import COMMANDS, GROUPS

FLAGS: Final = (
    ("-h, --help", "Print this page; sgl COMMAND --help says more."),
    ("-V, --version", "Print the version; --version --json says more."),
    ("--install-completion", "Set up the Tab key in your shell."),
    ("--uninstall-completion", "Take it out again."),
)
_EXAMPLES: Final = (
    ("sgl serve", "Serve the small model that comes with sgl."),
    ("sgl serve -m Qwen/Qwen3-0.6B", "Serve a model from the Hugging Face hub."),
    ("sgl serve -m ./model -d", "Serve a folder in the background."),
    ("sgl doctor", "Say what this machine can run."),
)


def overview() -> str:
    """Returns the page, without a closing line break: plain ASCII, 80 columns."""
    lines = ["usage: sgl COMMAND ...", "", "Serve large language models."]
    names = max(len(command.name) for command in COMMANDS)
    for group in GROUPS:
        rows = [(command.name, command.summary) for command in COMMANDS if command.group == group]
        lines += ["", f"{group}:", *_columns(rows, names)]
    for title, rows in (("Flags", list(FLAGS)), ("Examples", list(_EXAMPLES))):
        lines += ["", f"{title}:", *_columns(rows, max(len(left) for left, _ in rows))]
    return "\n".join(lines)


def _columns(rows: list[tuple[str, str]], width: int) -> list[str]:
    return [f"  {left:<{width}}  {right}" for left, right in rows]

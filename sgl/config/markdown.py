"""The section of docs/cli.md about the flags of ``sgl serve``, set from the table."""

from __future__ import annotations

from sgl.config.flags import GROUPS, SERVE_FLAGS, Flag


def serve_markdown() -> str:
    """Returns a heading for each group and a table below it, without a closing line break."""
    lines: list[str] = []
    for group in GROUPS:
        lines += [
            *([""] if lines else []),
            f"### {group}",
            "",
            "| flag | value | default | variable | what it does |",
            "|---|---|---|---|---|",
            *(_row(flag) for flag in SERVE_FLAGS if flag.group == group),
        ]
    return "\n".join(lines)


def _row(flag: Flag) -> str:
    spellings = ", ".join(f"`{spelling}`" for spelling in flag.spellings)
    default = f"`{flag.default}`" if flag.default else ""
    value = _cell(flag.kind.expects if flag.takes_value else "a switch")
    return f"| {spellings} | {value} | {default} | `{flag.variable}` | {_cell(flag.help)} |"


def _cell(text: str) -> str:
    """Text as it is, where markdown would see a bar, a mark-up or a tag."""
    for character in "\\|*_<[":
        text = text.replace(character, f"\\{character}")
    return text

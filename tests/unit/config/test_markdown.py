"""The section of docs/cli.md about serve flags: complete, and tables that markdown understands."""

from __future__ import annotations

from sgl.config.flags import GROUPS, SERVE_FLAGS
from sgl.config.markdown import serve_markdown

BAR = "\x00"


def cells(line: str) -> list[str]:
    return [cell.strip().replace(BAR, "|") for cell in line.replace("\\|", BAR).strip("|").split("|")]


def test_every_flag_has_a_row_with_all_that_is_known() -> None:
    rows = [cells(line) for line in serve_markdown().splitlines() if line.startswith("| `-")]
    assert [row[0].split(",")[0].strip("`") for row in rows] == [flag.name for flag in SERVE_FLAGS]
    for flag, (spellings, _, default, variable, text) in zip(SERVE_FLAGS, rows, strict=True):
        assert spellings.replace("`", "").split(", ") == list(flag.spellings)
        assert default.strip("`") == flag.default
        assert variable == f"`{flag.variable}`"
        assert text.replace("\\", "") == flag.help


def test_every_group_is_a_heading() -> None:
    page = serve_markdown()
    assert [line[4:] for line in page.splitlines() if line.startswith("### ")] == list(GROUPS)
    assert all(len(cells(line)) == 5 for line in page.splitlines() if line.startswith("|"))
    assert not [line for line in page.splitlines() if line != line.rstrip()]

"""``sgl serve --help``: complete, plain, and at most 80 columns."""

from __future__ import annotations

from sgl.config.flags import GROUPS, SERVE_FLAGS
from sgl.config.help import WIDTH, fill, serve_help


def test_it_is_plain_ascii_of_80_columns() -> None:
    page = serve_help("python -m sgl.launcher")
    assert page.isascii()
    assert max(map(len, page.splitlines())) <= WIDTH
    assert not [line for line in page.splitlines() if line != line.rstrip()]


def test_it_has_every_flag_spelling_group_and_default() -> None:
    page = serve_help("sgl serve")
    words = set(page.replace(",", " ").replace(".\n", " ").replace(". ", " ").split())
    for flag in SERVE_FLAGS:
        assert set(flag.spellings) <= words
        if flag.default:
            assert f"[{flag.default}]" in page
    assert [line[:-1] for line in page.splitlines() if line.rstrip(":") in GROUPS] == list(GROUPS)


def test_it_names_the_program() -> None:
    assert serve_help("sgl serve").startswith("usage: sgl serve [MODEL] [flags]\n")


def test_lines_are_filled() -> None:
    assert fill("one two three", "  ", width=9) == ["  one two", "  three"]
    assert fill("incomprehensibilities", "  ", width=9) == ["  incomprehensibilities"]
    assert fill("", "  ") == []

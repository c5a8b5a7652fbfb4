"""Markdown as lines: widths, links, tables, tags; nothing in them drives a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from sgl_cli.chat.tui.message.block import MarkdownBlock
from sgl_cli.chat.tui.message.render_markdown import render_markdown
from sgl_cli.chat.tui.message.text_lines import TextLines

SAMPLE = """# Title

Some **bold** words, `code`, 漢字漢字漢字漢字漢字漢字漢字漢字漢字 and 👩‍👩‍👧 and ⚠️ and a
[link](https://example.org/a/long/path/that/never/seems/to/end/at/all).

1. one
2. two
   - below

> quoted words that go on and on until they have to wrap somewhere

| name | value |
|------|-------|
| 漢字 | a long cell that must be wrapped when the screen is narrow |
"""


def plain(source: str, width: int = 60) -> str:
    return render_markdown(source, width, {}).plain


@pytest.mark.parametrize("width", [20, 40, 60, 100, 200])
def test_lines_fit_the_width(width: int) -> None:
    lines = plain(SAMPLE, width).split("\n")
    assert max(map(cell_len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)


@given(st.text(max_size=200), st.integers(1, 60))
def test_any_text_fits_and_is_harmless(source: str, width: int) -> None:
    text = plain(source, width)
    assert not {letter for letter in text if unicodedata.category(letter) in ("Cc", "Zl", "Zp")} - {"\n"}
    if width > 20:
        assert max(map(cell_len, text.split("\n"))) <= width


@given(st.text(alphabet="<>/abthink`*[]() \n&;!-", max_size=80))
def test_no_letter_of_a_tag_is_lost(source: str) -> None:
    shown = plain(source, 200)
    for letter in "abthink":
        if "[" not in source and "&" not in source:
            assert shown.count(letter) >= source.count(letter) or "```" in source


def test_links_show_where_they_go() -> None:
    assert "words (https://example.org)" in plain("[words](https://example.org)")
    content = render_markdown("[words](https://example.org)", 60, {})
    assert not any(getattr(span.style, "link", None) for span in content.spans)


def test_pictures_show_their_text() -> None:
    assert "a cat" in plain("![a cat](https://example.org/cat.png)")


def test_tables() -> None:
    lines = plain("| a | b |\n|---|---|\n| 1 | 22 |\n").split("\n")
    assert [line.split() for line in lines if line.strip("─ ")] == [["a", "b"], ["1", "22"]]


@pytest.mark.parametrize(
    "tag", ["</think>", "<b>bold</b>", "<br>", "<!-- c -->", "<T>", "std::vector<int>", "a < b > c"]
)
def test_tags_are_text(tag: str) -> None:
    assert plain(f"It is {tag} here.") == f"It is {tag} here."


def test_a_block_of_tags_keeps_its_lines() -> None:
    assert plain('<div class="x">\n  <p>y</p>\n</div>\n\nafter').split("\n") == [
        '<div class="x">',
        "  <p>y</p>",
        "</div>",
        "",
        "after",
    ]


def test_no_markup_of_ours_is_read() -> None:
    assert plain("[bold]x[/] [/] :smile: $accent") == "[bold]x[/] [/] :smile: $accent"


class Shown(App[None]):
    """One text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.markdown = TextLines(MarkdownBlock(source))

    def compose(self) -> ComposeResult:
        """The text alone."""
        yield self.markdown


async def test_another_theme_has_other_colours() -> None:
    app = Shown("# Title\n\n`code`")
    async with app.run_test(size=(40, 10)) as pilot:
        before = app.export_screenshot()
        app.theme = "gruvbox"
        await pilot.pause()
        after = app.export_screenshot()
        app.theme = "ansi-dark"
        await pilot.pause()
        assert "Title" in app.export_screenshot()
    accents = [{word for word in svg.split() if word.startswith("#")} for svg in (before, after)]
    assert accents[0] != accents[1]


async def test_it_grows_and_shrinks_with_its_text_and_its_width() -> None:
    app = Shown("one\n\ntwo")
    async with app.run_test(size=(40, 20)) as pilot:
        assert app.markdown.region.height == 3
        app.markdown.show(MarkdownBlock("words " * 20))
        await pilot.pause()
        assert app.markdown.region.height == 4
        await pilot.resize_terminal(20, 20)
        await pilot.pause()
        assert app.markdown.region.height == 7
        app.markdown.show(MarkdownBlock(""))
        await pilot.pause()
        assert app.markdown.region.height <= 1


async def test_what_is_selected_is_text() -> None:
    app = Shown("Some **bold** words.\n\n- item\n")
    async with app.run_test(size=(40, 10)) as pilot:
        app.markdown.text_select_all()
        await pilot.pause()
        assert app.screen.get_selected_text() == "Some bold words.\n\n • item"

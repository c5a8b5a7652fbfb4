"""Code blocks and frozen text, held against markdown-it, which renders the answers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sgl_cli.chat.text.fences import CodeBlock, MarkdownBlocks, code_blocks

from .chunks import SIZES, cut

MARKDOWN = MarkdownIt("commonmark").enable("table").enable("strikethrough")
LINES = [
    *("", "", "text", "more text", "a `b` ``` c", "# heading", "---", "===", "* * *"),
    *("```", "```python", "````", "~~~", "  ```", "   ```", "> ```", "- ```js", "1. ~~~"),
    *("- item", "* item", "1. item", "2. item", "10. ten", "-", "- ", "  - sub", "- - x", "1)"),
    *("  indented", "   three", "    code", "\tcode", "> quote", "> ", "> - a", "> -"),
    *("<div>", "<!-- c", "-->", "<pre>", "</pre>", "</details>", "<b>x</b>"),
]
TABLE = ["| a | b |", "|---|---|", "| c | d |"]
TEXTS = st.lists(st.sampled_from(LINES), max_size=12).map("\n".join)
TABLES = st.lists(st.sampled_from(["", "", "text", "# heading", "```", "- item", "\n".join(TABLE), *TABLE]), max_size=9)


def read(text: str, sizes: list[int] | None = None) -> MarkdownBlocks:
    blocks = MarkdownBlocks()
    for piece in cut(text, sizes or []):
        blocks.feed(piece)
    blocks.close()
    return blocks


def rendered(text: str) -> list[tuple[str, str, str, bool]]:
    """The blocks that markdown-it makes, with their text."""
    return [
        (token.type, token.tag, "" if token.type.endswith(("_open", "_close")) else token.content, token.hidden)
        for token in MARKDOWN.parse(text)
    ]


@settings(max_examples=300)
@given(TEXTS)
def test_the_code_blocks_are_those_of_markdown_it(text: str) -> None:
    expected = [
        ((token.info.split() or [""])[0], token.content.rstrip("\n"))
        for token in MARKDOWN.parse(text)
        if token.type == "fence"
    ]
    assert [(block.language, block.content.rstrip("\n")) for block in code_blocks(text)] == expected


@settings(max_examples=300)
@given(TEXTS)
def test_frozen_text_renders_by_itself(text: str) -> None:
    frozen = read(text).frozen
    assert rendered(text[:frozen]) + rendered(text[frozen:]) == rendered(text)


@given(TABLES.map("\n".join))
def test_tables_are_never_cut(text: str) -> None:
    frozen = read(text).frozen
    assert rendered(text[:frozen]) + rendered(text[frozen:]) == rendered(text)


@given(TEXTS, SIZES)
def test_cuts_change_nothing(text: str, sizes: list[int]) -> None:
    whole, pieces = read(text), read(text, sizes)
    assert (pieces.blocks, pieces.frozen, pieces.in_code) == (whole.blocks, whole.frozen, whole.in_code)


@given(TEXTS, st.text(alphabet="a`-\n ", max_size=9))
def test_frozen_only_grows_and_never_depends_on_what_follows(text: str, more: str) -> None:
    blocks = MarkdownBlocks()
    blocks.feed(text)
    before = blocks.frozen
    blocks.feed(more)
    assert blocks.frozen >= before
    assert read(text + more).frozen >= before


def test_paragraphs_freeze_one_by_one() -> None:
    blocks = MarkdownBlocks()
    blocks.feed("one\n\n")
    assert blocks.frozen == 0  # What follows could still belong to it.
    blocks.feed("two\n")
    assert blocks.frozen == len("one\n\n")


def test_lists_and_fences_stay_together() -> None:
    text = "- a\n\n- b\n\n  ```py\n  x\n\n  y\n  ```\n\n  more\n"
    assert read(text).frozen == 0
    assert read(text + "\nend\n").frozen == len(text) + 1
    (block,) = code_blocks(text)
    assert block == CodeBlock("py", "x\n\ny\n", text.index("  ```py"), text.index("\n  more"), True, True)


def test_an_answer_that_was_cut_off_inside_code() -> None:
    blocks = MarkdownBlocks()
    blocks.feed("Look:\n\n```python\nprint(1)\n")
    assert blocks.in_code
    (block,) = blocks.blocks
    assert (block.language, block.content, block.closed) == ("python", "print(1)\n", False)


def test_code_keeps_its_tabs_and_blank_lines() -> None:
    assert code_blocks("```make\nall:\n\tcc x.c\n\n\n```\n")[0].content == "all:\n\tcc x.c\n\n\n"
    assert code_blocks("```\r\nx\r\n```\r\n")[0].content == "x\n"


def test_a_longer_fence_holds_shorter_ones() -> None:
    (block,) = code_blocks("````md\n```\nx\n```\n````\nafter")
    assert block.content == "```\nx\n```\n"
    assert block.closed


def test_time_grows_with_the_text_only() -> None:
    blocks = MarkdownBlocks()
    for _ in range(20_000):
        blocks.feed("word ")
    blocks.feed("\n" * 20_000)
    blocks.feed("> " * 300 + "- " * 300 + "deep\n")
    assert not blocks.blocks

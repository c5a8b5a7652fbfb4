"""The pages of ``sgl serve --help``: complete, plain, and at most 80 columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sgl.config.flags import GROUPS, SERVE_FLAGS
from sgl.config.help import WIDTH, asked_help, fill, help_about, serve_help, whole_help
from sgl.errors import UsageError

PAGES = {"short": serve_help, "whole": whole_help, "about": lambda program: help_about("e", program)}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_pages_are_plain_ascii_of_80_columns(page: Callable[[str], str]) -> None:
    text = page("python -m sgl.launcher")
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def words_of(page: str) -> set[str]:
    return set(page.replace(",", " ").replace(".\n", " ").replace(". ", " ").split())


def test_the_whole_page_has_every_flag_spelling_group_variable_and_default() -> None:
    page = whole_help("sgl serve")
    for flag in SERVE_FLAGS:
        assert set(flag.spellings) <= words_of(page)
        assert f"({flag.variable})" in page
        if flag.default:
            assert f"[{flag.default}]" in page
    assert [line[:-1] for line in page.splitlines() if line.rstrip(":") in GROUPS] == list(GROUPS)


def test_the_short_page_has_the_common_flags_and_leads_to_the_others() -> None:
    page = serve_help("sgl serve")
    heads = {word for line in page.splitlines() if line.startswith("  -") for word in words_of(line)}
    for flag in SERVE_FLAGS:
        assert (flag.name in heads) == flag.common
    rare = sum(not flag.common for flag in SERVE_FLAGS)
    assert page.splitlines()[-1] == f"{rare} more flags, variables and config files: sgl serve --help-all"
    assert len(page.splitlines()) < 100


def test_it_names_the_program() -> None:
    assert serve_help("sgl serve").startswith("usage: sgl serve [MODEL] [flags]\n")


def heads_about(word: str) -> list[str]:
    return [line.split()[-2] for line in help_about(word, "sgl serve").splitlines() if line.startswith("  -")]


@pytest.mark.parametrize(
    ("word", "flag"),
    [
        ("tensor", "--tp"),
        ("kv", "--kv-cache-dtype"),
        ("KV", "--max-total-tokens"),
        ("gpu-memory", "--mem-fraction-static"),
        ("--max-num-seqs", "--max-running-requests"),
        ("max_model_len", "--max-model-len"),
        ("SGL_PAGE_SIZE", "--page-size"),
        ("scheduling", "--schedule-policy"),
        ("jinja", "--chat-template"),
    ],
)
def test_help_about_a_word(word: str, flag: str) -> None:
    assert f"{flag} " in help_about(word, "sgl serve")


def test_flags_that_are_named_so_come_first() -> None:
    assert heads_about("port")[0] == "--port"
    assert heads_about("kv")[0] == "--kv-cache-dtype"


@pytest.mark.parametrize(
    ("word", "hint"), [("tensr", "did you mean tensor"), ("qqqq", "sgl serve --help-all lists every flag")]
)
def test_help_about_nothing_names_close_words(word: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no flag is about '{word}'") as caught:
        help_about(word, "sgl serve")
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("--help", serve_help("p")),
        ("-h", serve_help("p")),
        ("-m x --help", serve_help("p")),
        ("--help -m x", serve_help("p")),
        ("--help-all", whole_help("p")),
        ("-m x --help-all", whole_help("p")),
        ("--help kv", help_about("kv", "p")),
        ("-h kv", help_about("kv", "p")),
        ("--help=kv", help_about("kv", "p")),
        ("-m x", None),
        ("-m x -- --help", None),
    ],
)
def test_what_words_ask_for(words: str, page: str | None) -> None:
    assert asked_help(words.split(), "p") == page


def test_lines_are_filled() -> None:
    assert fill("one two three", "  ", width=9) == ["  one two", "  three"]
    assert fill("incomprehensibilities", "  ", width=9) == ["  incomprehensibilities"]
    assert fill("", "  ") == []

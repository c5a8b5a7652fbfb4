"""The pages of ``sgl serve --help``, set from the table of flags: plain ASCII, 80 columns, standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sgl.config.flags import GROUPS, SERVE_FLAGS, Flag
from sgl.config.search import closest_words, matching
from sgl.errors import UsageError, echo

WIDTH: Final = 80
HELP: Final = ("-h", "--help")
HELP_ALL: Final = "--help-all"
_INDENT: Final = " " * 6
_COLUMN: Final = 29
_OTHER: Final = {
    "-h, --help [WORD]": "Print this page, or the flags about a word: --help kv.",
    "--help-all": "Print every flag, with its other spellings and its variable.",
    "--version": "Print the version.",
}


def serve_help(program: str) -> str:
    """Returns the page with the most used flags for ``program``, e.g. ``sgl serve``; no closing line break."""
    lines = _opening(program)
    for group in GROUPS:
        rows = [flag for flag in SERVE_FLAGS if flag.group == group and flag.common]
        if rows:
            lines += ["", f"{group}:"]
        for flag in rows:
            lines += _columns(_head(flag), _first_sentence(flag.help) + _default(flag))
    lines += ["", "Other:"]
    for head, text in _OTHER.items():
        lines += _columns(head, text)
    rest = len(SERVE_FLAGS) - sum(flag.common for flag in SERVE_FLAGS)
    lines += ["", *fill(f"{rest} more flags, variables and config files: {program} --help-all", "")]
    return "\n".join(lines)


def whole_help(program: str) -> str:
    """Returns the page with every flag."""
    lines = [
        *_opening(program),
        "",
        *fill(
            "A flag is --name VALUE or --name=VALUE, with - or _ between words. Every flag can be given as an "
            "environment variable instead, named after its default; a switch is 1 or 0 there. Most can stand in a "
            "TOML or YAML file, without the dashes. What counts, the first over the second: flag, variable, "
            "--profile, --config file, ./sgl.toml, ~/.config/sgl/config.toml, default. --dry-run shows where each "
            "value came from. Numbers: 8k is 8000, 8K or 8Ki is 8192.",
            "",
        ),
    ]
    for group in GROUPS:
        lines += ["", f"{group}:", *_entries(flag for flag in SERVE_FLAGS if flag.group == group)]
    lines += ["", "Other:"]
    for head, text in _OTHER.items():
        lines += [f"  {head}", *fill(text, _INDENT)]
    return "\n".join(lines)


def help_about(word: str, program: str) -> str:
    """Returns the flags that ``word`` is about.

    Raises:
        UsageError: There is none; the hint has words that look like it.
    """
    flags = matching(word)
    if not flags:
        near = closest_words(word)
        hint = f"did you mean {' or '.join(near)}?" if near else f"{program} --help-all lists every flag"
        raise UsageError(f"no flag is about {echo(word)}", hint=hint)
    return "\n".join(_entries(flags))


def asked_help(argv: Sequence[str], program: str) -> str | None:
    """The page that the words of a command line ask for; None when they ask for none.

    Raises:
        UsageError: They ask about a word that no flag is about.
    """
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    if HELP_ALL in words:
        return whole_help(program)
    for place, word in enumerate(words):
        name, equals, about = word.partition("=")
        if name in HELP:
            following = words[place + 1 : place + 2]
            if not equals and following and not following[0].startswith("-"):
                about = following[0]
            return help_about(about, program) if about else serve_help(program)
    return None


def fill(text: str, indent: str, width: int = WIDTH) -> list[str]:
    """Breaks ``text`` at blanks into lines of at most ``width`` columns, each after ``indent``."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else indent + word
        if line and len(longer) > width:
            lines.append(line)
            longer = indent + word
        line = longer
    return [*lines, line] if line else lines


def _opening(program: str) -> list[str]:
    return [f"usage: {program} [MODEL] [flags]", "", "Serves a model over HTTP: OpenAI's API and SGLang's own."]


def _head(flag: Flag) -> str:
    dashes = [alias for alias in flag.aliases if not alias.startswith("--")]
    return f"{', '.join([*dashes, flag.name])} {flag.kind.metavar}".rstrip()


def _entries(flags: Iterable[Flag]) -> list[str]:
    """All that is known about each flag, one below the other."""
    lines: list[str] = []
    for flag in flags:
        others = [alias for alias in flag.aliases if alias.startswith("--")]
        text = f"{flag.help} Also {', '.join(others)}." if others else flag.help
        lines += [f"  {_head(flag)}", *fill(f"{text}{_default(flag)} ({flag.variable})", _INDENT)]
    return lines


def _columns(head: str, text: str) -> list[str]:
    """Two columns: ``head`` and, beside it where there is room, ``text``."""
    beside = fill(text, " " * _COLUMN)
    left = f"  {head}"
    if len(left) + 2 > _COLUMN:
        return [left, *beside]
    return [left.ljust(_COLUMN) + beside[0].lstrip(), *beside[1:]]


def _default(flag: Flag) -> str:
    return f" [{flag.default}]" if flag.default else ""


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."

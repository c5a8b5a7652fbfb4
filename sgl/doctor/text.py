"""The report for people: groups, one line for each finding, and the remedy as a line to copy."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from sgl.doctor.finding import Finding, Group
from sgl.doctor.report import count, sentence
from sgl.log import escape
from sgl.terminal import Style, Terminal

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m")
_NO_FIGURES: Final[Mapping[Group, Sequence[str]]] = {}
_MOST_TITLE: Final = 16
_MOST_COLUMNS: Final = 100
_INDENT: Final = "  "
_CODE_STYLES: Final[dict[str, Style]] = {"error": "red", "warn": "yellow"}


def text_report(
    findings: Sequence[Finding],
    terminal: Terminal,
    *,
    verbose: bool = False,
    closing: str | None = None,
    figures: Mapping[Group, Sequence[str]] = _NO_FIGURES,
) -> str:
    """The whole report, without a closing line break.

    Args:
        verbose: Whether every finding shows its code and its numbers.
        closing: What the last line says after the counts; the verdict on the machine by default. ``{warn}`` and
            ``{error}`` in it become the marks.
        figures: Lines to show below the findings of a group, as they are.
    """
    columns = min(terminal.columns, _MOST_COLUMNS)
    titles = min(max((len(finding.title) for finding in findings), default=0), _MOST_TITLE)
    layout = _Layout(terminal, columns, titles, verbose=verbose)
    lines: list[str] = []
    for group, members in groupby(findings, key=lambda finding: finding.group):
        lines += [terminal.style(group, "bold")]
        for finding in members:
            lines += layout.finding(finding)
        lines += [*figures.get(group, ()), ""]
    marks = {"warn": terminal.mark("warn"), "error": terminal.mark("error")}
    words = (sentence(findings) if closing is None else closing).format(**marks)
    lines += _wrap(f"{count(findings)}: {words}", columns)
    return "\n".join(terminal.fit(line) for line in lines)


class _Layout:
    """Widths that all lines share."""

    def __init__(self, terminal: Terminal, columns: int, titles: int, *, verbose: bool) -> None:
        self._terminal = terminal
        self._columns = max(columns, 40)
        self._titles = titles
        self._verbose = verbose
        self._marks = max(_width(terminal.mark(mark)) for mark in ("ok", "warn", "error", "skip"))

    def finding(self, finding: Finding) -> Iterator[str]:
        """The lines of one finding."""
        mark = self._terminal.mark(finding.status)
        mark += " " * (self._marks - _width(mark))
        head = f"{_INDENT}{mark} {escape(finding.title):<{self._titles}}  "
        hang = " " * _width(head)
        detail = escape(finding.detail)
        if self._verbose or finding.status in _CODE_STYLES:
            detail += f" ({finding.code})"
        arrow = f"  {self._terminal.mark('arrow')} {finding.remedy}" if finding.remedy else ""
        if len(hang) + len(detail) + len(arrow) <= self._columns:
            yield head + self._shade(detail, finding) + self._terminal.style(arrow, "cyan")
        else:
            first, *rest = _wrap(detail, self._columns - len(hang))
            yield head + self._shade(first, finding)
            yield from (hang + self._shade(line, finding) for line in rest)
            if finding.remedy:
                yield from self._remedy(finding.remedy, hang)
        if self._verbose:
            for name, value in finding.data.items():
                yield from _wrap(f"{name}: {_value(value)}", self._columns - len(hang), hang)

    def _shade(self, text: str, finding: Finding) -> str:
        return self._terminal.style(text, "dim") if finding.status == "skip" else text

    def _remedy(self, remedy: str, hang: str) -> Iterator[str]:
        """The command; one that is too long goes on after a backslash, so that it still can be copied."""
        arrow = self._terminal.mark("arrow") + " "
        for indent in (hang, _INDENT * 3):
            lines = command_lines(remedy, self._columns - len(indent) - len(arrow))
            if len(lines) == 1 or indent != hang:
                break
        inner = " " * len(arrow)
        for index, line in enumerate(lines):
            yield indent + self._terminal.style((arrow if index == 0 else inner) + line, "cyan")


def command_lines(command: str, columns: int) -> list[str]:
    """A shell command in lines of at most ``columns``, where words allow it; all but the last end with a backslash."""
    words = _shell_words(command)
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(longer) > columns - 2 and len(" ".join(words)) > columns:
            lines.append(f"  {word}")
        else:
            lines[-1] = longer if not lines[-1].startswith("  ") else f"{lines[-1]} {word}"
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _shell_words(command: str) -> list[str]:
    """Cuts a command at blanks outside of quotation marks, and changes nothing else (`shlex` takes the marks away)."""
    words = [""]
    quote = ""
    for character in command:
        if character == " " and not quote:
            words.append("")
            continue
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        words[-1] += character
    return [word for word in words if word]


def _wrap(text: str, columns: int, indent: str = "") -> list[str]:
    """``text`` in lines, of which colours take no place; words that are too long are cut."""
    plain = textwrap.wrap(_ESCAPES.sub("", text), max(columns, 20), break_on_hyphens=False) or [""]
    if len(plain) == 1:
        return [indent + text]
    return [indent + line for line in plain]


def _value(value: object) -> str:
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _width(text: str) -> int:
    return len(_ESCAPES.sub("", text))

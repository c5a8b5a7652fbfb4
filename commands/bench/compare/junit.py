"""Outcomes as JUnit XML, which every CI system can show."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from .outcome import Outcome


def junit_xml(outcomes: Sequence[Outcome], suite: str = "sgl bench", seconds: float = 0.0) -> str:
    """One test case for each outcome; ``seconds`` is how long the run took."""
    failures = sum(not outcome.passed for outcome in outcomes)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites tests="{len(outcomes)}" failures="{failures}">',
        f'  <testsuite name={_quoted(suite)} tests="{len(outcomes)}" failures="{failures}" errors="0"'
        f' time="{seconds:.3f}">',
    ]
    for outcome in outcomes:
        case = f"    <testcase classname={_quoted(suite)} name={_quoted(outcome.asked)}"
        if outcome.passed:
            lines.append(f"{case}/>")
        else:
            lines += [f"{case}>", f"      <failure message={_quoted(outcome.why)}/>", "    </testcase>"]
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _quoted(text: str) -> str:
    """An attribute's value; characters that XML 1.0 does not allow at all become question marks."""
    return quoteattr("".join(mark if _is_allowed(mark) else "?" for mark in text))


def _is_allowed(mark: str) -> bool:
    code = ord(mark)
    return mark in "\t\n\r" or (code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF))

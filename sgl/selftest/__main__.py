"""``python -m sgl.selftest [--json]``: runs every case; exit code 3 when one is wrong.

With ``--json`` there is one JSON object a line, written at once: ``{"begin": NAME}`` before a case and its
`Outcome` after it. A case that crashes the process is thus known, and what was found before it is not lost.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

from sgl.errors import UsageError, echo
from sgl.exits import run
from sgl.selftest.case import Case, Outcome, run_cases
from sgl.selftest.table import CASES
from sgl.terminal import Terminal, tolerate

USAGE: Final = "usage: python -m sgl.selftest [--json]"
CHECK_FAILED: Final = 3


def main(argv: Sequence[str], cases: Iterable[Case] = CASES) -> int:
    """Runs the cases and prints what came of them."""
    if any(word in ("-h", "--help") for word in argv):
        print(USAGE)
        return 0
    wrong = [word for word in argv if word != "--json"]
    if wrong:
        raise UsageError(f"unexpected argument {echo(wrong[0])}", hint=USAGE)
    outcomes = _as_lines(cases) if argv else _as_text(cases)
    return CHECK_FAILED if any(outcome.status == "error" for outcome in outcomes) else 0


def _as_lines(cases: Iterable[Case]) -> list[Outcome]:
    outcomes = []
    for outcome in run_cases(cases, lambda name: print(json.dumps({"begin": name}), flush=True)):
        print(json.dumps(asdict(outcome)), flush=True)
        outcomes.append(outcome)
    return outcomes


def _as_text(cases: Iterable[Case]) -> list[Outcome]:
    tolerate(sys.stdout)
    terminal = Terminal(sys.stdout)
    outcomes = []
    for outcome in run_cases(cases, lambda name: None):
        error = f": {outcome.error}" if outcome.error else ""
        print(
            f"{terminal.mark(outcome.status)} {outcome.name:<25} {outcome.milliseconds:6.1f} ms  "
            f"{terminal.fit(outcome.detail + error)}",
            flush=True,
        )
        outcomes.append(outcome)
    return outcomes


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:])))

"""How ``sgl bench`` ends: its exit codes, and which of several reasons counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sgl.exits import INTERRUPTED

from ..compare.outcome import Outcome
from ..flags.plan import ErrorLimit
from ..result import Result

DONE: Final = 0
ASSERTION: Final = 3
ERRORS: Final = 4
NEVER_READY: Final = 5


def exit_code(interrupted: bool, trouble: bool, outcomes: Iterable[Outcome]) -> int:
    """What the process ends with.

    Args:
        interrupted: Whether Ctrl-C ended a run.
        trouble: Whether a run had too many errors, see `too_many`.
        outcomes: Of assertions and rules.
    """
    if interrupted:
        return INTERRUPTED
    if trouble:
        return ERRORS
    return DONE if all(outcome.passed for outcome in outcomes) else ASSERTION


def too_many(limit: ErrorLimit, results: Sequence[Result]) -> str:
    """The first run with more failures than are allowed, in words; empty when there is none.

    A run without a single answer always has too many, also when nothing was sent.
    """
    for result in results:
        requests = result.summary["requests"]
        failed, sent = requests["failed"], requests["sent"]
        if not sent:
            return "no request was sent"
        if not limit.allows(failed, sent):
            return f"{failed:,} of {sent:,} requests failed; --max-errors allows {limit}"
    return ""

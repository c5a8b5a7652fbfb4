"""`Outcome`: whether something that was asked of a run holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one assertion or rule.

    Attributes:
        asked: As it was written.
        passed: Whether it holds.
        actual: The figure it is about, in its metric's unit (percent for a rule); None when there is none.
        why: One line: the figure and the limit, or why there is no figure.
        abort: Whether a run that fails it should stop early.
    """

    asked: str
    passed: bool
    actual: float | None
    why: str
    abort: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"asked": self.asked, "passed": self.passed, "actual": self.actual, "why": self.why}

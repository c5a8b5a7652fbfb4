"""`EarlyEnd`: ends a run that cannot succeed any more.

A rule with ``abort`` behind it is looked at while the run is on, as far as the counters of the view know its figure:
``error_rate``, and ``ttft`` and ``tpot`` of the last requests. All others are looked at when the run is over.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from ..compare.assertions import Assertion, shown
from ..compare.condition import OPERATORS
from ..load.control import Control
from ..load.progress import Progress, Snapshot
from ..metrics.definitions import Choice
from ..metrics.percentiles import PERMILLE, needed, quantile

LOOK_SECONDS: Final = 0.5
FEWEST: Final = 20
"""Requests before which nothing is judged."""

HOPELESS: Final = 200
"""Requests that failed, without one that did not: more of them would teach nothing."""


class EarlyEnd:
    """While its context is open, a thread looks at the run.

    Attributes:
        reason: Why the run was ended; empty when it was not.
    """

    def __init__(self, control: Control, progress: Progress, assertions: Sequence[Assertion]) -> None:
        self.reason = ""
        self._control = control
        self._progress = progress
        self._rules = [assertion for assertion in assertions if assertion.abort]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="bench-rules", daemon=True)

    def __enter__(self) -> EarlyEnd:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            reason = why_to_end(self._progress.snapshot(), self._rules)
            if reason and not self._control.stopped:
                self.reason = reason
                self._control.stop()
                return


def why_to_end(snapshot: Snapshot, rules: Sequence[Assertion]) -> str:
    """Why a run in this state should end; empty while it should go on."""
    if snapshot.failed == snapshot.done >= HOPELESS:
        return f"all of the first {snapshot.done} requests failed"
    if snapshot.done < FEWEST:
        return ""
    for rule in rules:
        value = _value(snapshot, rule.choice)
        if value is not None and not OPERATORS[rule.sign](value, rule.limit):
            unit = rule.choice.metric.unit
            return f"{rule.choice.name} is {shown(value, unit)} (limit: {rule.sign} {shown(rule.limit, unit)})"
    return ""


def _value(snapshot: Snapshot, choice: Choice) -> float | None:
    """The figure in its metric's unit; None when the counters do not know it."""
    name = choice.metric.name
    if name == "error_rate":
        return snapshot.failed / snapshot.done
    samples = {"ttft": snapshot.ttft, "tpot": snapshot.tpot}.get(name, [])
    if choice.stat not in PERMILLE or len(samples) < max(FEWEST, needed(choice.stat)):
        return None
    return 1000 * quantile(sorted(samples), PERMILLE[choice.stat] / 1000)

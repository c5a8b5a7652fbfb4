"""The steps of a start as lines for a display: which there are, how each stands, and how to say it in words.

No terminal is needed. `sgl.runs.checklist` draws the same steps on one, with bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sgl.config.sizes import gib
from sgl.log import escape
from sgl.runs.phase import TITLES, PhaseRecord, current

State = Literal["done", "running", "failed", "waiting"]
_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a start.

    Attributes:
        state: How it stands; ``waiting`` for one that is to come.
        title: What people call it, safe to show.
        record: What is known about it; None before it began.
    """

    state: State
    title: str
    record: PhaseRecord | None = None


@dataclass(frozen=True, slots=True)
class PhaseLine:
    """One step as a line of a display.

    Attributes:
        state: How it stands; a display has a mark or a colour for each.
        title: What people call it.
        text: Its outcome and how long it took, or how far it is; empty for one that is to come.
    """

    state: State
    title: str
    text: str


def steps(records: Sequence[PhaseRecord], *, failed: bool = False) -> list[Step]:
    """The steps as they stand, and those to come.

    Args:
        records: What is known, in the order that it was heard of.
        failed: The start has failed: at the step that was under way, and nothing is to come.
    """
    return [*_begun(records, failed), *([] if failed else _to_come(records))]


def phase_lines(records: Sequence[PhaseRecord], now: float, *, failed: bool = False) -> list[PhaseLine]:
    """The steps of a start as lines.

    Args:
        records: What is known, in the order that it was heard of.
        now: In seconds since 1970.
        failed: The start has failed.
    """
    return [PhaseLine(step.state, step.title, _text(step.record, now)) for step in steps(records, failed=failed)]


def progress_words(record: PhaseRecord, now: float) -> str:
    """How far a step is, in one line: ``load weights, 43 %, 1.2 GiB/s``."""
    share, rate = record.share, record.rate(now)
    parts = [record.title]
    if share is not None:
        parts.append(percent(share))
    if rate is not None:
        parts.append(f"{gib(int(rate))}/s")
    return ", ".join(parts)


def percent(share: float) -> str:
    """``43 %``."""
    return f"{int(share * 100)} %"


def part_of(done: int, total: int) -> str:
    """``3.9 of 7.5 GiB``, the first number as wide as the second can get."""
    number, unit = gib(total).split()
    return f"{done / total * float(number):>{len(number)}.1f} of {number} {unit}"


def expectation(ready_at: float | None, now: float) -> str:
    """``about 12 s left, by the last start``; empty when nobody knows, or when it is about to be over.

    Args:
        ready_at: When all will be done if it takes as long as the last time, in seconds since 1970.
        now: The same.
    """
    left = 0.0 if ready_at is None else ready_at - now
    return f"about {left:.0f} s left, by the last start" if left >= 1 else ""


def _begun(records: Sequence[PhaseRecord], failed: bool) -> Iterator[Step]:
    running = current(records)
    for record in records:
        state: State = "done" if record.seconds is not None else "running"
        yield Step("failed" if failed and record is running else state, escape(record.title), record)


def _to_come(records: Sequence[PhaseRecord]) -> list[Step]:
    # A step that is over before it was heard of is not shown as one to come: the order is that of `TITLES`.
    names, known = list(TITLES), {record.name for record in records}
    passed = max((names.index(name) for name in known if name in TITLES), default=-1)
    return [Step("waiting", title) for title in list(TITLES.values())[passed + 1 :]]


def _text(record: PhaseRecord | None, now: float) -> str:
    if record is None:
        return ""
    elapsed = max(0.0, now - record.began) if record.seconds is None else record.seconds
    share, rate, left = record.share, record.rate(now), record.seconds_left(now)
    if record.seconds is not None or share is None or record.done is None or record.total is None:
        parts = [escape(record.detail), f"{elapsed:.1f} s"]
    else:
        speed = "" if rate is None else f"{gib(int(rate))}/s"
        rest = f"{left:.0f} s left" if left is not None and left >= 1 else ""
        parts = [percent(share), part_of(record.done, record.total).lstrip(), speed, rest]
    return _GAP.join(part for part in parts if part)

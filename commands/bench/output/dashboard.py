"""The lines of the live view: from a snapshot of a run to text that fits a width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from ..load.progress import RECENT, Snapshot
from ..metrics.percentiles import quantile
from . import words
from .lookup import cleaned
from .rates import HISTORY_SECONDS, Rates
from .trouble import failure_words

LATE_MS: Final = 10.0
"""A client whose loop is later than this shows in the figures."""

_SHORTEST_BAR, _LONGEST_BAR = 8, 40
_UNICODE_LEVELS: Final = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS: Final = "_.:-=+*#"


class Dashboard:
    """One run's. Lines are cut to the width, never wrapped."""

    def __init__(self, title: str, unicode: bool) -> None:
        self._title = cleaned(title)
        self._unicode = unicode

    def lines(self, snapshot: Snapshot, rates: Rates, width: int) -> list[Text]:
        """What is shown now, at most ``width`` columns wide."""
        shown = [
            self._head(snapshot, rates, width),
            _flow(snapshot, rates),
            self._history(rates, width),
            _times(snapshot),
            self._error(snapshot),
            _client(snapshot),
        ]
        found = [line for line in shown if line is not None]
        for line in found:
            line.truncate(width, overflow="ellipsis" if self._unicode else "crop")
        return found

    def _head(self, snapshot: Snapshot, rates: Rates, width: int) -> Text:
        facts = _facts(snapshot, rates)
        share = _share(snapshot)
        title = Text(f"{self._title}  " if self._title else "", style="bold")
        room = width - len(facts) - title.cell_len - 2
        if room < _SHORTEST_BAR:
            return Text(facts)
        length = min(room, _LONGEST_BAR)
        full = round(share * length)
        done, rest = ("█", "░") if self._unicode else ("#", ".")
        return Text.assemble(title, (done * full, "green"), (rest * (length - full), "dim"), f"  {facts}")

    def _history(self, rates: Rates, width: int) -> Text | None:
        values = rates.history[-max(1, min(HISTORY_SECONDS, width - 16)) :]
        if len(values) < 2:
            return None
        line = sparkline(values, _UNICODE_LEVELS if self._unicode else _ASCII_LEVELS)
        return Text.assemble((line, "cyan"), (f"  to {words.count(max(values))} tok/s", "dim"))

    def _error(self, snapshot: Snapshot) -> Text | None:
        if not snapshot.failures:
            return None
        failure, times = max(snapshot.failures.items(), key=lambda pair: pair[1])
        mark = "✗" if self._unicode else "x"
        kind = failure_words(failure.kind, failure.status)
        return Text(f"{mark} {times:,} x {kind}: {cleaned(failure.message)}", style="red")


def plain_line(title: str, snapshot: Snapshot, rates: Rates) -> str:
    """The same in one line, for a file."""
    phrases = [
        _facts(snapshot, rates),
        f"in flight {snapshot.in_flight:,}",
        f"{words.plain(rates.requests)} req/s",
        f"{words.count(rates.tokens)} tok/s",
    ]
    ttft = _spread("TTFT", snapshot.ttft)
    name = cleaned(title)
    return (f"{name}: " if name else "") + ", ".join([*phrases, *([ttft] if snapshot.ttft else [])])


def sparkline(values: Sequence[float], levels: str) -> str:
    """One character a value, from 0 to the largest."""
    highest = max(values, default=0.0)
    if highest <= 0:
        return levels[0] * len(values)
    last = len(levels) - 1
    return "".join(levels[min(last, max(0, round(value / highest * last)))] for value in values)


def _facts(snapshot: Snapshot, rates: Rates) -> str:
    if not snapshot.elapsed:
        return "warming up"
    total = "" if snapshot.total is None else f"/{snapshot.total:,}"
    phrases = [f"{snapshot.done:,}{total}", words.clock(snapshot.elapsed)]
    if snapshot.stopping:
        phrases.append(f"waiting for the last {snapshot.in_flight:,}")
    elif (remaining := rates.remaining(snapshot)) is not None:
        phrases.append(f"{words.clock(remaining)} left")
    phrases.append(f"{snapshot.done - snapshot.failed:,} ok, {snapshot.failed:,} failed")
    return "  ".join(phrases)


def _share(snapshot: Snapshot) -> float:
    shares = [snapshot.done / snapshot.total] if snapshot.total else []
    shares += [snapshot.elapsed / snapshot.duration] if snapshot.duration else []
    return min(1.0, max(shares, default=0.0))


def _flow(snapshot: Snapshot, rates: Rates) -> Text:
    queued = f"  queued {snapshot.waiting:,}" if snapshot.waiting else ""
    return Text(
        f"in flight {snapshot.in_flight:,}{queued}  {words.plain(rates.requests)} req/s"
        f"  {words.count(rates.tokens)} tok/s out"
    )


def _times(snapshot: Snapshot) -> Text:
    return Text(f"{_spread('TTFT', snapshot.ttft)}  {_spread('TPOT', snapshot.tpot)}")


def _spread(name: str, values: Sequence[float]) -> str:
    """Of the last requests; a glance, so no minimum of samples is asked, as for a result."""
    if not values:
        return f"{name} {words.MISSING}"
    ordered = sorted(values)
    p50, p99 = (words.milliseconds(1000 * quantile(ordered, share)) for share in (0.5, 0.99))
    return f"{name} p50 {p50} p99 {p99}"


def _client(snapshot: Snapshot) -> Text:
    late = snapshot.lag_ms > LATE_MS
    text = Text(f"client loop lag {words.milliseconds(snapshot.lag_ms)}", style="yellow" if late else "dim")
    return text.append(f"; latencies of the last {RECENT:,} requests", style="dim")

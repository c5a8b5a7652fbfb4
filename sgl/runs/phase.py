"""The steps of a server's start: which there are, how far each is, what to call it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

TITLES: Final = {
    "engine": "start the engine",
    "resolve": "read the model",
    "weights": "load weights",
    "kv_pool": "KV pool",
    "warm_up": "warm up",
}
"""The steps of every start in their order: name -> title."""


@dataclass(frozen=True, slots=True)
class PhaseRecord:
    """One step as it stands.

    Attributes:
        name: A key of `TITLES`, or an engine's own word.
        detail: What was found out, e.g. ``4096 tokens``.
        began: When, in seconds since 1970.
        seconds: How long it took; None while it runs.
        done: Bytes moved so far, of a step that moves bytes.
        total: Bytes to move.
    """

    name: str
    detail: str = ""
    began: float = 0.0
    seconds: float | None = None
    done: int | None = None
    total: int | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return TITLES.get(self.name, self.name)

    @property
    def share(self) -> float | None:
        """Part that is done, 0 to 1; None when that is not known."""
        return min(1.0, self.done / self.total) if self.total and self.done is not None else None

    def rate(self, now: float) -> float | None:
        """Bytes a second since it began; None when that is not known yet."""
        elapsed = now - self.began if self.seconds is None else self.seconds
        return self.done / elapsed if self.done and elapsed > 0 else None

    def seconds_left(self, now: float) -> float | None:
        """Expected time to the end at the present rate; None when that is not known."""
        rate = self.rate(now)
        if rate is None or self.total is None or self.done is None or self.seconds is not None:
            return None
        return max(0, self.total - self.done) / rate


class PhaseLog:
    """The steps of one start, in the order they were heard of."""

    def __init__(self) -> None:
        self._records: dict[str, PhaseRecord] = {}

    @property
    def records(self) -> tuple[PhaseRecord, ...]:
        """All of them, as they stand."""
        return tuple(self._records.values())

    def note(
        self,
        name: str,
        detail: str = "",
        seconds: float | None = None,
        done: int | None = None,
        total: int | None = None,
    ) -> PhaseRecord:
        """Takes news of a step: it began, goes on, or (with ``seconds``) has ended. Returns its record."""
        now = time.time()
        old = self._records.get(name)
        if old is None:
            began = now if seconds is None else now - seconds
            record = PhaseRecord(name, detail, began, seconds, done, total)
        else:
            record = PhaseRecord(
                name,
                detail or old.detail,
                old.began,
                seconds,
                old.done if done is None else done,
                old.total if total is None else total,
            )
        self._records[name] = record
        return record


def current(records: Iterable[PhaseRecord]) -> PhaseRecord | None:
    """The step that runs now: the last one that has not ended."""
    running = [record for record in records if record.seconds is None]
    return running[-1] if running else None

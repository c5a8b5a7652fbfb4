"""What an item leaves behind: a `Checked` or some `Figure`, which cross the process boundary as JSON. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

Status = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of an item that must hold, or of one that was to measure and could not.

    Attributes:
        detail: One line: the numbers, or why it was left out.
        trace: Where it failed, in Python's words; empty otherwise.
    """

    name: str
    status: Status
    detail: str
    seconds: float = 0.0
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured.

    Attributes:
        name: Of the goal that it is judged by, or of the ceiling that it is.
        samples: One for each repetition.
        unit: Of the samples.
        how: What was warmed up, and what one sample is.
        shares: Of the time on the device, by what is computed; ``idle`` is the rest of the wall clock.
    """

    name: str
    samples: tuple[float, ...]
    unit: str
    how: str
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The median."""
        return median(self.samples)

    @property
    def spread(self) -> float:
        """Largest less smallest, relative to the median."""
        return (max(self.samples) - min(self.samples)) / self.value if self.value else 0.0


Row = Checked | Figure


def as_json(row: Row) -> dict[str, Any]:
    """Plain data that `from_json` understands."""
    return {"kind": "figure" if isinstance(row, Figure) else "checked", **asdict(row)}


def from_json(fields: Mapping[str, Any]) -> Row:
    """What `as_json` was given."""
    rest = {name: value for name, value in fields.items() if name != "kind"}
    if fields["kind"] == "figure":
        return Figure(**{**rest, "samples": tuple(rest["samples"])})
    return Checked(**rest)

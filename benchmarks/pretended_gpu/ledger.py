"""`Ledger`: what an engine did on the pretended GPU."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Phase = Literal["start", "capture", "serving", "launch", "scoring"]
"""``launch``: between the launch of a step and its return, where nothing waits. ``scoring``: logprobs of prompts, which
are waited for. ``capture``: a CUDA graph records."""

NEVER_WAIT: Final = ("launch", "capture")
_OWN: Final = "/sgl/"


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that waits for the device, or may.

    Attributes:
        what: In words.
        where: Lines of ours that led there, the innermost last.
    """

    what: str
    phase: Phase
    where: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what} ({self.phase}; {' < '.join(reversed(self.where[-4:]))})"


@dataclass(slots=True)
class Launch:
    """All launches of a kernel that one compilation serves.

    Attributes:
        kernel: Module and name.
        key: What Triton's cache of compiled kernels is asked for.
        arguments: Of each, what it is specialised for, by name.
        phase: Of the first one.
        where: Lines of ours that led to the first one.
        count: How many there were.
        compiled: What `compile_launch` needs.
    """

    kernel: str
    key: str
    arguments: dict[str, str]
    phase: Phase
    where: tuple[str, ...]
    count: int
    compiled: Any


@dataclass
class Ledger:
    """Filled while an engine runs.

    Attributes:
        waits: In phases that never wait.
        launches: By kernel and key.
        faults: What a GPU would refuse.
        steps: That were launched.
        drafts: Guesses that these computed.
        steady: Steps of one token for each request of the step before.
        uploads: Copies to the device.
    """

    phase: Phase = "start"
    waits: list[Wait] = field(default_factory=list)
    launches: dict[tuple[str, str], Launch] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    steps: int = 0
    drafts: int = 0
    steady: int = 0
    uploads: int = 0

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """Sets the phase."""
        before, self.phase = self.phase, phase
        try:
            yield
        finally:
            self.phase = before

    def wait(self, what: str) -> None:
        """Notes a wait, if there may be none."""
        if self.phase in NEVER_WAIT:
            self.waits.append(Wait(what, self.phase, lines()))

    def late(self) -> list[Launch]:
        """Launches that are compiled while requests wait."""
        return [launch for launch in self.launches.values() if launch.phase in ("serving", "launch", "scoring")]


def lines() -> tuple[str, ...]:
    """Where we are: lines of the engine, the innermost last."""
    stack = traceback.extract_stack()
    found = [each for each in stack if _OWN in each.filename]
    return tuple(f"{each.filename.rpartition(_OWN)[2]}:{each.lineno}" for each in found) or ("elsewhere",)

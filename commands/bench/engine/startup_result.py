"""`StartupResult`: how long a server takes from the command to its first token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .spread import Spread

Cache = Literal["cold", "warm", "unknown"]
"""The weights had to be read from the disk; they were in memory, for a start just before had read them; or nobody
knows: it was the first start, and the system did not let go of them."""


@dataclass(frozen=True)
class Phase:
    """One step of a start.

    Attributes:
        name: As the server calls it.
        title: What people call it.
        detail: What was found out.
        seconds: How long it took.
    """

    name: str
    title: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class StartupRun:
    """One start. Times are in seconds.

    Attributes:
        cache: Where the weights were.
        phases: Its steps, in their order: first the command itself, until the server's process reports.
        ready: From the command to a server that takes requests.
        first_token: From a first request, sent right after that, to its first token.
        next_token: The same for the next request: what the first one paid for.
        memory_bytes: RAM of the server's processes, after both; None where nobody says.
    """

    cache: Cache
    phases: tuple[Phase, ...]
    ready: float
    first_token: float
    next_token: float
    memory_bytes: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "cache": self.cache,
            "ready_s": self.ready,
            "first_token_s": self.first_token,
            "next_token_s": self.next_token,
            "memory_bytes": self.memory_bytes,
            "phases": [{"name": one.name, "detail": one.detail, "seconds": one.seconds} for one in self.phases],
        }


@dataclass(frozen=True)
class StartupResult:
    """Several starts of one model.

    Attributes:
        model: As it was named.
        words: Further flags of ``sgl serve``.
        started: Seconds since 1970.
        runs: One each.
        partial: Whether it was cut short.
        version: Of sgl.
    """

    model: str
    words: tuple[str, ...]
    started: float
    runs: tuple[StartupRun, ...]
    partial: bool = False
    version: str = ""

    def ready(self, cache: Cache) -> Spread | None:
        """Times to readiness of one kind of start; None when there was none."""
        times = [run.ready for run in self.runs if run.cache == cache]
        return Spread.of(times) if times else None

    def to_json(self) -> dict[str, Any]:
        """Plain values; times are in seconds."""
        kinds: tuple[Cache, ...] = ("cold", "warm", "unknown")
        spreads: Mapping[Cache, Spread | None] = {kind: self.ready(kind) for kind in kinds}
        return {
            "kind": "startup",
            "sgl_version": self.version,
            "started": self.started,
            "partial": self.partial,
            "model": self.model,
            "flags": list(self.words),
            "summary": {f"{kind}_ready": spread.to_json() for kind, spread in spreads.items() if spread is not None},
            "starts": [run.to_json() for run in self.runs],
        }

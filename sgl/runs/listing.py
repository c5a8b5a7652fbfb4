"""The table of running servers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sgl.columns import align
from sgl.config.sizes import gib
from sgl.log import escape
from sgl.runs.phase import current
from sgl.runs.phase_lines import progress_words
from sgl.runs.process import family, resident_bytes
from sgl.runs.server import Server
from sgl.runs.traffic import Traffic, ask_all
from sgl.terminal import Terminal

HEADINGS: Final = ("ID", "MODEL", "URL", "STATE", "UP", "MEMORY", "REQUESTS", "LOG")


@dataclass(frozen=True, slots=True)
class Row:
    """A server and what was found out about it now.

    Attributes:
        memory_bytes: RAM of its processes; None where nobody says.
        traffic: What it works on; None when it does not say.
        now: When that was, in seconds since 1970.
    """

    server: Server
    memory_bytes: int | None
    traffic: Traffic | None
    now: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **self.server.to_json(),
            "uptime_seconds": round(max(0.0, self.now - self.server.started), 3),
            "memory_bytes": self.memory_bytes,
            "requests_running": None if self.traffic is None else self.traffic.running,
            "requests_queued": None if self.traffic is None else self.traffic.queued,
        }

    def cells(self) -> tuple[str, ...]:
        """Texts under `HEADINGS`."""
        server = self.server
        return (
            server.id,
            escape(server.model),
            server.url or "-",
            self._state(),
            duration(self.now - server.started),
            "-" if self.memory_bytes is None else gib(self.memory_bytes),
            self._requests(),
            escape(server.log or "-"),
        )

    def _state(self) -> str:
        running = current(self.server.phases)
        if self.server.state != "starting" or running is None:
            return self.server.state
        return f"starting: {escape(progress_words(running, self.now))}"

    def _requests(self) -> str:
        if self.traffic is None:
            return "-"
        parts = [f"{self.traffic.running} running"] if self.traffic.running else []
        parts += [f"{self.traffic.queued} queued"] if self.traffic.queued else []
        return ", ".join(parts) or "idle"


def look(servers: Sequence[Server], api_key: str | None) -> list[Row]:
    """Finds out about servers what their records do not say.

    Args:
        api_key: For servers that ask for one before they tell.
    """
    traffic = ask_all(servers, api_key)
    now = time.time()
    return [
        Row(server, resident_bytes(family(server.pid)), news, now)
        for server, news in zip(servers, traffic, strict=True)
    ]


def table(rows: Sequence[Row], terminal: Terminal) -> list[str]:
    """Lines of text. On a terminal that is too narrow the column of logs is left out."""
    cells = [HEADINGS, *(row.cells() for row in rows)]
    lines = align(cells)
    if terminal.interactive and max(map(len, lines)) > terminal.columns:
        lines = align([row[:-1] for row in cells])
    heading, *rest = map(terminal.fit, lines)
    return [terminal.style(heading, "bold"), *rest]


def duration(seconds: float) -> str:
    """A time in words: ``42 s``, ``3 min``, ``2 h 5 min``, ``4 d 3 h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60 % 60, whole // 3600 % 24, whole // 86400
    if whole < 3600:
        return f"{minutes} min"
    if whole < 86400:
        return f"{hours} h {minutes} min"
    return f"{days} d {hours} h"

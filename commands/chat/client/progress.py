"""How far the way to a server is, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.runs.phase import PhaseRecord
from sgl.runs.server import Server


@dataclass(frozen=True, slots=True)
class Looking:
    """It is asked who is there.

    Attributes:
        where: An address, or the places where servers are looked for.
    """

    where: str


@dataclass(frozen=True, slots=True)
class Starting:
    """A server is being started here.

    Attributes:
        model: What it will serve.
        server_id: Its name in ``sgl ps``; empty until it has one.
        phases: The steps of its start so far, for `sgl.runs.phase_lines.phase_lines`.
        ready_at: When it will be ready if it takes as long as the last time, in seconds since 1970; None when that is
            not known.
        note: What was said last before its first step, such as how far the download of its files is.
    """

    model: str
    server_id: str = ""
    phases: tuple[PhaseRecord, ...] = ()
    ready_at: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody else is starting the server: it is waited for. The fields are those of `Starting`."""

    model: str
    server_id: str
    phases: tuple[PhaseRecord, ...] = ()
    ready_at: float | None = None

    @classmethod
    def of(cls, server: Server) -> Waiting:
        """What the record of a server says."""
        return cls(server.model, server.id, server.phases, server.ready_at)


Progress = Looking | Starting | Waiting

"""`Server`: one running server as its record says, and the record's text form."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

from sgl.runs.phase import PhaseRecord

State = Literal["starting", "ready", "stopping", "failed"]
STATES: Final[tuple[State, ...]] = get_args(State)

FORMAT: Final = 1
"""Version of the record's form; one of another version is left alone."""


class BadRecord(ValueError):
    """A record's text is not one of ours, or of another version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        id: Short name, unique among those that run.
        pid: The process that takes requests, and signals.
        url: Where to reach it from this machine; empty until it has its port.
        host: Address it listens on.
        port: TCP port; 0 until it has one.
        models: Names that requests may use; the first is the one to show.
        model_path: What was given as the model.
        version: Of sgl.
        started: When, in seconds since 1970.
        ready: When it took its first requests; None before.
        expected_seconds: How long the last start of this model took; None when that is not known.
        state: How far it is.
        phases: The steps of its start.
        background: Whether it was started with ``serve -d``.
        log: File with its log; None when that goes to a terminal or a pipe.
        has_key: Whether it asks for a key. The key itself is kept nowhere.
        drain_seconds: How long running requests may take once it is told to stop.
        argv: Words it was started with, secrets taken out.
    """

    id: str
    pid: int
    url: str = ""
    host: str
    port: int
    models: tuple[str, ...]
    model_path: str
    version: str
    started: float
    ready: float | None = None
    expected_seconds: float | None = None
    state: State = "starting"
    phases: tuple[PhaseRecord, ...] = ()
    background: bool = False
    log: str | None = None
    has_key: bool = False
    drain_seconds: float = 30.0
    argv: tuple[str, ...] = ()

    @property
    def ready_at(self) -> float | None:
        """When it will be ready if it takes as long as the last time, in seconds since 1970."""
        return None if self.expected_seconds is None else self.started + self.expected_seconds

    @property
    def model(self) -> str:
        """The name to show."""
        return self.models[0] if self.models else self.model_path

    def to_json(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)

    def encode(self) -> bytes:
        """The record's text."""
        return json.dumps({"format": FORMAT, **self.to_json()}).encode()

    @classmethod
    def decode(cls, text: bytes) -> Server:
        """Reads a record.

        Raises:
            BadRecord: It is damaged, or of another version.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadRecord("no JSON") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise BadRecord("another format")
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in content.items() if name in known}
        try:
            values["phases"] = tuple(_phase(item) for item in values.get("phases", ()))
            values["models"] = tuple(map(str, values["models"]))
            values["argv"] = tuple(map(str, values.get("argv", ())))
            server = cls(**values)
        except (TypeError, KeyError) as error:
            raise BadRecord(str(error)) from error
        if not _plausible(server):
            raise BadRecord("values of a wrong type")
        return server


def _phase(item: Any) -> PhaseRecord:
    record = PhaseRecord(**item)
    numbers = (record.began, record.seconds or 0, record.done or 0, record.total or 0)
    if not isinstance(record.name, str) or not isinstance(record.detail, str) or not all(map(_is_number, numbers)):
        raise TypeError("a phase with values of a wrong type")
    return record


def _plausible(server: Server) -> bool:
    texts = (server.id, server.url, server.host, server.model_path, server.version, server.log or "")
    numbers = (server.started, server.ready or 0.0, server.expected_seconds or 0.0, server.drain_seconds)
    return (
        all(isinstance(text, str) for text in texts)
        and all(map(_is_number, numbers))
        and type(server.pid) is int
        and server.pid > 1
        and type(server.port) is int
        and server.state in STATES
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

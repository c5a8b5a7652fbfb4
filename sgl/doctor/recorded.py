"""`RecordedMachine`: a machine replayed from a JSON recording.

What a recording does not have, the machine does not have either: no such file, no such program, no such package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from sgl.doctor.machine import Disk, Distribution, Identity, Interpreter, Problem, Ran


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Everything that probes asked a machine, and its answers; the keys of the mappings are what was asked.

    Attributes:
        commands: By their words with blanks between.
        ports: By ``host:port``; a port that is not there is free.
    """

    interpreter: Interpreter
    identity: Identity
    environ: dict[str, str] = field(default_factory=dict)
    commands: dict[str, Ran] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    existing: list[str] = field(default_factory=list)
    writable: dict[str, bool] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    limits: dict[str, int | None] = field(default_factory=dict)
    cores: tuple[int, int] = (1, 1)
    distributions: dict[str, Distribution] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> Recording:
        """Reads a recording."""
        fields: dict[str, Any] = json.loads(text)
        fields["interpreter"] = Interpreter(**fields["interpreter"])
        fields["identity"] = Identity(**fields["identity"])
        fields["commands"] = {key: Ran(**value) for key, value in fields["commands"].items()}
        fields["disks"] = {key: Disk(**value) for key, value in fields["disks"].items()}
        fields["distributions"] = {key: _distribution(value) for key, value in fields["distributions"].items()}
        fields["cores"] = tuple(fields["cores"])
        return cls(**fields)


class RecordedMachine:
    """Answers from a recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @classmethod
    def load(cls, path: Path) -> RecordedMachine:
        """Replays the recording in a file."""
        return cls(Recording.from_json(path.read_text(encoding="utf-8")))

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables."""
        return self._recording.environ

    @property
    def interpreter(self) -> Interpreter:
        """The Python that ran the doctor."""
        return self._recording.interpreter

    @property
    def identity(self) -> Identity:
        """Who and where."""
        return self._recording.identity

    def run(self, command: Sequence[str], timeout: float) -> Ran:
        """The recorded answer, at once."""
        return self._recording.commands.get(" ".join(command), Ran(status=None, problem="missing"))

    def read(self, path: str) -> str | None:
        """The recorded text."""
        return self._recording.files.get(path)

    def entries(self, folder: str) -> list[str] | None:
        """The recorded names."""
        return self._recording.folders.get(folder)

    def link(self, path: str) -> str | None:
        """The recorded target."""
        return self._recording.links.get(path)

    def exists(self, path: str) -> bool:
        """Whether the path was there."""
        recording = self._recording
        return path in recording.existing or path in recording.files or path in recording.folders

    def writable(self, path: str) -> bool:
        """Whether the path, or its nearest recorded parent, was writable."""
        nearest = _nearest(path, self._recording.writable)
        return nearest is not None and self._recording.writable[nearest]

    def disk(self, path: str) -> Disk | None:
        """The file system of a path or of a parent."""
        nearest = _nearest(path, self._recording.disks)
        return None if nearest is None else self._recording.disks[nearest]

    def limits(self) -> Mapping[str, int | None]:
        """The recorded limits."""
        return self._recording.limits

    def cores(self) -> tuple[int, int]:
        """(cores of the machine, cores the process could run on)."""
        return self._recording.cores

    def distribution(self, name: str) -> Distribution | None:
        """The recorded package."""
        return self._recording.distributions.get(name)

    def bind(self, host: str, port: int) -> Problem | Literal["taken", "invalid"]:
        """What became of an attempt to take the port."""
        answer = self._recording.ports.get(f"{host}:{port}", "")
        if answer not in ("", "denied", "taken", "invalid"):
            raise ValueError(f"a recording with {answer!r} for port {port}")
        return answer  # type: ignore[return-value]  # It is one of the words, as just checked.


def _nearest(path: str, known: Mapping[str, object]) -> str | None:
    """The longest of the known paths that is ``path`` or a parent of it."""
    place = PurePosixPath(path)
    return next((str(parent) for parent in (place, *place.parents) if str(parent) in known), None)


def _distribution(fields: dict[str, Any]) -> Distribution:
    return Distribution(
        name=fields["name"],
        versions=tuple(fields["versions"]),
        requires=tuple(fields.get("requires", ())),
    )

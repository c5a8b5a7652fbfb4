"""``python -m tests.doctor.record``: writes machines/*.json and what the doctor says of each, golden/*.json.

``python -m tests.doctor.record --here FILE`` records this machine instead, without anything private.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Literal

from sgl.doctor.live import LiveMachine
from sgl.doctor.machine import Disk, Distribution, Identity, Interpreter, Machine, Problem, Ran
from sgl.doctor.markdown import matters
from sgl.doctor.recorded import RecordedMachine, Recording
from sgl.doctor.redact import Redactor, is_secret
from sgl.doctor.report import as_json
from sgl.doctor.run import Wishes, examine
from tests.doctor.catalogue import CASES

FOLDER: Final = Path(__file__).parent
MACHINES: Final = FOLDER / "machines"
GOLDEN: Final = FOLDER / "golden"


def golden(machine: Machine, wishes: Wishes) -> str:
    """What golden/ holds: the document of ``--json``, but for the version."""
    document = {**as_json(examine(machine, wishes)), "sgl_version": ""}
    return _json(document)


def write_all() -> None:
    """Writes every machine and its golden report."""
    for folder in (MACHINES, GOLDEN):
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.json"):
            if path.stem not in CASES:
                path.unlink()
    for name, make in CASES.items():
        recording, wishes = make()
        (MACHINES / f"{name}.json").write_text(_json(asdict(recording)), encoding="utf-8")
        (GOLDEN / f"{name}.json").write_text(golden(RecordedMachine.load(MACHINES / f"{name}.json"), wishes), "utf-8")


def record_here(path: Path) -> None:
    """Records what the doctor asks this machine."""
    with LiveMachine() as live:
        recorder = Recorder(live)
        examine(recorder, Wishes())
        redact = Redactor.of(live)
    recording = recorder.recording
    environ = {name: redact.variable(name, value) for name, value in recording.environ.items() if _is_wanted(name)}
    document = json.loads(redact(_json(asdict(replace(recording, environ=environ)))))
    path.write_text(_json(document), encoding="utf-8")


def _is_wanted(name: str) -> bool:
    return not is_secret(name) and (matters(name) or name in ("HOME", "PATH", "SHELL"))


class Recorder:
    """A machine that notes every answer of another one."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.recording = Recording(
            interpreter=machine.interpreter,
            identity=machine.identity,
            environ=dict(machine.environ),
            limits=dict(machine.limits()),
            cores=machine.cores(),
        )

    @property
    def environ(self) -> Mapping[str, str]:
        return self._machine.environ

    @property
    def interpreter(self) -> Interpreter:
        return self._machine.interpreter

    @property
    def identity(self) -> Identity:
        return self._machine.identity

    def run(self, command: Sequence[str], timeout: float) -> Ran:
        answer = self._machine.run(command, timeout)
        self.recording.commands[" ".join(command)] = answer
        return answer

    def read(self, path: str) -> str | None:
        answer = self._machine.read(path)
        if answer is not None:
            self.recording.files[path] = answer
        return answer

    def entries(self, folder: str) -> list[str] | None:
        answer = self._machine.entries(folder)
        if answer is not None:
            self.recording.folders[folder] = answer
        return answer

    def link(self, path: str) -> str | None:
        answer = self._machine.link(path)
        if answer is not None:
            self.recording.links[path] = answer
        return answer

    def exists(self, path: str) -> bool:
        answer = self._machine.exists(path)
        if answer:
            self.recording.existing.append(path)
        return answer

    def writable(self, path: str) -> bool:
        self.recording.writable[path] = self._machine.writable(path)
        return self.recording.writable[path]

    def disk(self, path: str) -> Disk | None:
        answer = self._machine.disk(path)
        if answer is not None:
            self.recording.disks[path] = answer
        return answer

    def limits(self) -> Mapping[str, int | None]:
        return self._machine.limits()

    def cores(self) -> tuple[int, int]:
        return self._machine.cores()

    def distribution(self, name: str) -> Distribution | None:
        answer = self._machine.distribution(name)
        if answer is not None:
            self.recording.distributions[name] = answer
        return answer

    def bind(self, host: str, port: int) -> Problem | Literal["taken", "invalid"]:
        answer = self._machine.bind(host, port)
        self.recording.ports[f"{host}:{port}"] = answer
        return answer


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, default=sorted) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", metavar="FILE", type=Path, help="Record this machine into a file.")
    here = parser.parse_args().here
    if here is None:
        write_all()
    else:
        record_here(here)

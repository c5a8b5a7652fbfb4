"""An engine process without a model: ``python -m tests.fake_engine_process``, started by `launch_engine`.

``model_path`` of its config says how it misbehaves, see `_BEHAVIOURS`; any other behaves. All but the
scheduler, which drives a `FakeEngine`, is the real `sgl.scheduler.process`.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from sgl.config.engine import EngineConfig
from sgl.errors import CheckpointError
from sgl.protocol.messages import EngineInfo, Phase
from sgl.scheduler.io import Io
from sgl.scheduler.process import BuildScheduler, Report, serve
from tests.fakes import FakeEngine, fake_info

STEP_SECONDS = 0.002


class FakeScheduler:
    """Drives a `FakeEngine` from an `Io`, as the real scheduler drives its runner."""

    def __init__(self, io: Io, info: EngineInfo) -> None:
        self.info = info
        self._io = io
        self._engine = FakeEngine(info)

    def run(self) -> None:
        while not self._engine.stopped:
            for body in self._io.recv(0.0 if self._engine.running else None):
                self._engine.send(body)
            if self._engine.running:
                time.sleep(STEP_SECONDS)
                self._engine.step()
            for message in self._engine.take_messages():
                self._io.send(message)


class DeafScheduler(FakeScheduler):
    """Is ready and then never listens."""

    def run(self) -> None:
        while True:
            time.sleep(1.0)


class BrokenScheduler(FakeScheduler):
    """Meets a bug with the first message."""

    def run(self) -> None:
        self._io.recv(None)
        raise RuntimeError("a bug")


def build(config: EngineConfig, io: Io, report: Report) -> FakeScheduler:
    report(Phase("loading weights", config.model_path))
    report(Phase("loading weights", config.model_path, 0.25))
    info = fake_info(settings={"threads": os.environ.get("OMP_NUM_THREADS"), "key": os.environ.get("SGL_API_KEY")})
    return _BEHAVIOURS.get(config.model_path, FakeScheduler)(io, info)


def _refuse(io: Io, info: EngineInfo) -> FakeScheduler:
    raise CheckpointError("model.safetensors is truncated", hint="download it again")


def _exhaust_memory(io: Io, info: EngineInfo) -> FakeScheduler:
    raise MemoryError


def _meet_a_bug(io: Io, info: EngineInfo) -> FakeScheduler:
    raise KeyError("no such\nlayer")


def _get_killed(io: Io, info: EngineInfo) -> FakeScheduler:
    os.kill(os.getpid(), signal.SIGKILL)
    return FakeScheduler(io, info)


def _take_for_ever(io: Io, info: EngineInfo) -> FakeScheduler:
    time.sleep(3600.0)
    return FakeScheduler(io, info)


def _chatter(io: Io, info: EngineInfo) -> FakeScheduler:
    for number in range(20):
        print(f"a line of the engine, number {number}", file=sys.stdout if number % 2 else sys.stderr, flush=True)
        time.sleep(0.02)
    return FakeScheduler(io, info)


_BEHAVIOURS = {
    "chatters": _chatter,
    "deaf": DeafScheduler,
    "broken": BrokenScheduler,
    "refuses": _refuse,
    "exhausts-memory": _exhaust_memory,
    "meets-a-bug": _meet_a_bug,
    "gets-killed": _get_killed,
    "takes-for-ever": _take_for_ever,
}


def _load_builder() -> BuildScheduler:
    return build


if __name__ == "__main__":
    sys.exit(serve(_load_builder))

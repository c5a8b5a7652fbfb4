"""``python -m tests.registered_process RECORD [deaf]``: a process that is registered as a server, and is none.

RECORD is a JSON object with fields of `sgl.runs.server.Server`. It says ``registered`` and its id, and ends with its
standard input, or with SIGTERM unless it is deaf.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sgl.runs.registry import register
from sgl.runs.server import Server
from tests.conftest import ROOT


def record(**fields: Any) -> Server:
    """A server's record; what is not given is made up."""
    settings: dict[str, Any] = {"id": "", "pid": os.getpid(), "host": "127.0.0.1", "port": 0, "models": ("stories",)}
    settings |= {"model_path": "stories260k", "version": "0.1.0", "started": 1.0, "state": "ready"}
    return Server(**{**settings, **fields})


@contextmanager
def registered(*options: str, **fields: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A registered process and its id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.registered_process", json.dumps(fields), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        word, name = process.stdout.readline().split()
        assert word == "registered"
        yield process, name
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Is the process."""
    if "deaf" in sys.argv[2:]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with register(record(**json.loads(sys.argv[1]))) as registration:
        print("registered", registration.server.id, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

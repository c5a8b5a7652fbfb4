"""Runs small programs of the desktop without ever waiting long for one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress


def find(name: str, environ: Mapping[str, str]) -> str | None:
    """The program's path, after the ``PATH`` of `environ`."""
    return shutil.which(name, path=environ.get("PATH", os.defpath))


def give(command: Sequence[str], data: bytes, environ: Mapping[str, str], seconds: float) -> bool:
    """Runs a program with `data` as its input; whether it ended well in time.

    It gets no pipe to write to, because xclip and wl-copy stay behind to hold the clipboard and would keep it open;
    and a session of its own, so that neither Ctrl-C nor the end of the terminal ends them.
    """
    try:
        finished = subprocess.run(
            command,
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            start_new_session=True,
            env=dict(environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def take(command: Sequence[str], most_bytes: int, environ: Mapping[str, str], seconds: float) -> bytes:
    """Runs a program for its output: at most `most_bytes` and one more; empty when it fails or is late."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=dict(environ),
        )
    except OSError:
        return b""
    assert process.stdout is not None
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        with process.stdout as pipe:
            data = pipe.read(most_bytes + 1)
        if len(data) > most_bytes:
            _kill(process)  # It would wait for a reader.
            process.wait()
            return data
        return data if process.wait() == 0 and not late.is_set() else b""
    finally:
        timer.cancel()
        timer.join()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and what it started: a child would hold the pipe."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

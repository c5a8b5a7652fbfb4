"""`LiveMachine`: the machine we run on."""

from __future__ import annotations

import errno
import getpass
import os
import platform
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from sgl.doctor.machine import PYTHON, Disk, Distribution, Identity, Interpreter, Problem, Ran

MOST_TEXT: Final = 4 * 2**20
"""Bytes of a file or of an answer that are looked at."""


class LiveMachine:
    """The real one. Used as a context manager, it leaves no child process behind, however the block ends."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> LiveMachine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kills what still runs; later calls of `run` start nothing."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            _kill(child)

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables."""
        return self._environ

    @property
    def interpreter(self) -> Interpreter:
        """The Python that runs the doctor."""
        return Interpreter(
            version=platform.python_version(),
            bits=struct.calcsize("P") * 8,
            executable=sys.executable,
            prefix=sys.prefix,
            base_prefix=sys.base_prefix,
            managed=(Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").is_file(),
            platform=sys.platform,
            machine=platform.machine(),
            kernel=platform.release(),
            encoding=sys.stdout.encoding or "",
        )

    @property
    def identity(self) -> Identity:
        """Who and where."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # A container may run under a number without a name.
            user = ""
        return Identity(user=user, hostname=socket.gethostname(), home=os.path.expanduser("~"))

    def run(self, command: Sequence[str], timeout: float) -> Ran:
        """Runs a program without a shell and without input, for at most ``timeout`` seconds."""
        words = [sys.executable if word == PYTHON else word for word in command]
        try:
            child = self._start(words)
        except FileNotFoundError:
            return Ran(status=None, problem="missing")
        except OSError as error:
            return Ran(status=None, stderr=str(error), problem="denied")
        if child is None:
            return Ran(status=None, problem="timeout")
        try:
            stdout, stderr = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(child)
            stdout, stderr = _rest(child)
            return Ran(status=None, stdout=_text(stdout), stderr=_text(stderr), problem="timeout")
        finally:
            with self._lock:
                self._children.discard(child)
        return Ran(status=child.returncode, stdout=_text(stdout), stderr=_text(stderr))

    def _start(self, words: list[str]) -> subprocess.Popen[bytes] | None:
        """Starts a child, known to `close`; None when that has been called."""
        with self._lock:
            if self._closed:
                return None
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self._environ),
                start_new_session=True,  # A terminal's Ctrl-C is ours to handle, and a kill takes its children, too.
            )
            self._children.add(child)
            return child

    def read(self, path: str) -> str | None:
        """The text of a file, at most 4 MiB; None when it cannot be read."""
        try:
            with open(path, "rb") as file:
                return _text(file.read(MOST_TEXT))
        except OSError:
            return None

    def entries(self, folder: str) -> list[str] | None:
        """The names in a folder, sorted; None when it cannot be read."""
        try:
            return sorted(os.listdir(folder))
        except OSError:
            return None

    def link(self, path: str) -> str | None:
        """Where a symbolic link points."""
        try:
            return os.readlink(path)
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        """Whether there is such a path."""
        return os.path.exists(path)

    def writable(self, path: str) -> bool:
        """Whether this user may create files in a folder, or in its nearest existing parent."""
        return os.access(_existing(path), os.W_OK | os.X_OK)

    def disk(self, path: str) -> Disk | None:
        """The file system of a path or of its nearest existing parent."""
        try:
            usage = shutil.disk_usage(_existing(path))
        except OSError:
            return None
        return Disk(total=usage.total, free=usage.free)

    def limits(self) -> Mapping[str, int | None]:
        """Soft limits of this process."""
        kinds = {
            "open_files": resource.RLIMIT_NOFILE,
            "locked_bytes": resource.RLIMIT_MEMLOCK,
            "processes": resource.RLIMIT_NPROC,
        }
        soft = {name: resource.getrlimit(kind)[0] for name, kind in kinds.items()}
        return {name: None if limit == resource.RLIM_INFINITY else limit for name, limit in soft.items()}

    def cores(self) -> tuple[int, int]:
        """(cores of the machine, cores this process may run on)."""
        all_cores = os.cpu_count() or 1
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else all_cores
        return all_cores, allowed

    def distribution(self, name: str) -> Distribution | None:
        """An installed package."""
        found = list(metadata.distributions(name=name))
        if not found:
            return None
        return Distribution(
            name=name,
            versions=tuple(dict.fromkeys(copy.version for copy in found)),
            requires=tuple(found[0].requires or ()),
        )

    def bind(self, host: str, port: int) -> Problem | Literal["taken", "invalid"]:
        """Tries to take a TCP port, and lets go at once; empty when it is free."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as server:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind(address)
        except PermissionError:
            return "denied"
        except OSError as error:
            return "taken" if error.errno == errno.EADDRINUSE else "invalid"
        return ""


def _existing(path: str) -> str:
    """``path`` itself, or the nearest of its parents that exists."""
    place = Path(path)
    while not place.exists() and place != place.parent:
        place = place.parent
    return str(place)


def _kill(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _rest(child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What a killed child has printed; a child in an uninterruptible sleep is not waited for."""
    try:
        return child.communicate(timeout=1)
    except subprocess.TimeoutExpired:
        return b"", b""


def _text(data: bytes) -> str:
    return data[:MOST_TEXT].decode("utf-8", "replace")

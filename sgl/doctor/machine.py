"""`Machine`: the doctor's only view of the outside, so that a recorded machine can stand in for a real one.

Nothing here raises for what a broken machine may do: a missing file is None, a missing program a `Ran` that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

PYTHON: Final = "{python}"
"""As the first word of a command: the interpreter that runs the doctor."""

Problem = Literal["", "missing", "timeout", "denied"]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of a command.

    Attributes:
        status: Exit status, negative for a signal; None when there is a problem.
        stdout: What it printed, at most 4 MiB.
        stderr: What it printed on stderr.
        problem: Why it did not run to its end.
    """

    status: int | None
    stdout: str = ""
    stderr: str = ""
    problem: Problem = ""

    @property
    def good(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The file system that holds a path, in bytes; ``free`` is what this user may still write."""

    total: int
    free: int


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """An installed package. ``versions`` has one entry for each copy on Python's path, the imported one first.

    ``requires`` is as its metadata says, e.g. ``torch<2.14,>=2.11`` or ``triton==3.7.0; platform_system == "Linux"``.
    """

    name: str
    versions: tuple[str, ...]
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """The Python that runs the doctor.

    Attributes:
        version: ``3.11.7``.
        bits: 64 or 32.
        executable: Its path.
        prefix: The environment it belongs to.
        base_prefix: The installation behind a virtual environment; equal to ``prefix`` outside of one.
        managed: Whether the distribution manages its packages (PEP 668).
        platform: ``linux``.
        machine: ``x86_64``.
        kernel: ``6.8.0-45-generic``.
        encoding: What text on stdout is encoded in, by the locale.
    """

    version: str
    bits: int
    executable: str
    prefix: str
    base_prefix: str
    managed: bool
    platform: str
    machine: str
    kernel: str
    encoding: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who and where: only to take it out of reports."""

    user: str
    hostname: str
    home: str


class Machine(Protocol):
    """What a probe may ask. Every answer comes in bounded time, but for file systems that hang."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables."""

    @property
    def interpreter(self) -> Interpreter:
        """The Python that runs the doctor."""

    @property
    def identity(self) -> Identity:
        """Who and where."""

    def run(self, command: Sequence[str], timeout: float) -> Ran:
        """Runs a program without a shell and without input, for at most ``timeout`` seconds."""

    def read(self, path: str) -> str | None:
        """The text of a file, at most 4 MiB; None when it cannot be read."""

    def entries(self, folder: str) -> list[str] | None:
        """The names in a folder, sorted; None when it cannot be read."""

    def link(self, path: str) -> str | None:
        """Where a symbolic link points, as it is written; None when it is none, or not ours to see."""

    def exists(self, path: str) -> bool:
        """Whether there is such a path."""

    def writable(self, path: str) -> bool:
        """Whether this user may create files in a folder, or, where there is none yet, in its nearest parent."""

    def disk(self, path: str) -> Disk | None:
        """The file system of a path or of its nearest existing parent."""

    def limits(self) -> Mapping[str, int | None]:
        """Soft limits of this process: ``open_files``, ``locked_bytes``, ``processes``; None is unlimited."""

    def cores(self) -> tuple[int, int]:
        """(cores of the machine, cores this process may run on)."""

    def distribution(self, name: str) -> Distribution | None:
        """An installed package."""

    def bind(self, host: str, port: int) -> Problem | Literal["taken", "invalid"]:
        """Tries to take a TCP port, and lets go at once; empty when it is free."""

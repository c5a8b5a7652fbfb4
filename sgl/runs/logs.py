"""Log files of background servers: one per start, the newest are kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from sgl.runs.folder import PrivateFolder
from sgl.runs.places import logs_path

KEPT: Final = 20
ENDING: Final = ".log"
FOLLOW_SECONDS: Final = 0.1
"""How often a log that is followed is looked at."""

_STAMP: Final = "%Y%m%d-%H%M%S"
_BLOCK: Final = 1 << 16


class LogFile(NamedTuple):
    """A log that is there: the server's id, when it began (sorts by time), and where it is."""

    id: str
    began: str
    path: Path


def create_log(server_id: str, environ: Mapping[str, str]) -> tuple[int, Path]:
    """Makes the log of a server that is about to start; removes the oldest beyond `KEPT`.

    Returns:
        A descriptor to write to, which the caller closes, and the file's path.

    Raises:
        StartupError: There is no place for it that is this user's alone.
    """
    with PrivateFolder.open(logs_path(environ), create=True) as folder:
        name = f"{server_id}-{time.strftime(_STAMP)}{ENDING}"
        descriptor = folder.create(name)
        for log in _all(folder)[KEPT:]:
            folder.remove(log.path.name)
    return descriptor, folder.path / name


def logs(environ: Mapping[str, str]) -> list[LogFile]:
    """Every log there is, the newest first."""
    try:
        folder = PrivateFolder.open(logs_path(environ))
    except FileNotFoundError:
        return []
    with folder:
        return _all(folder)


def _all(folder: PrivateFolder) -> list[LogFile]:
    found = []
    for name in folder.names():
        server_id, dash, began = name.removesuffix(ENDING).partition("-")
        if name.endswith(ENDING) and dash:
            found.append(LogFile(server_id, began, folder.path / name))
    return sorted(found, key=lambda log: log.began, reverse=True)


def seek_last_lines(file: BinaryIO, count: int) -> None:
    """Moves to where the last ``count`` lines of a file begin; an unfinished one counts."""
    starts: deque[int] = deque(maxlen=count)
    position = 0
    for line in file:
        starts.append(position)
        position += len(line)
    file.seek(starts[0] if starts else position)


def follow(file: BinaryIO, is_running: Callable[[], bool]) -> Iterator[bytes]:
    """What is in a file from here on, and what is still written to it while ``is_running``."""
    while True:
        more_to_come = is_running()  # Before reading: what a server writes last is there when it is gone.
        while block := file.read(_BLOCK):
            yield block
        if not more_to_come:
            return
        time.sleep(FOLLOW_SECONDS)

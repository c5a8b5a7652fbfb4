"""Whether the files of a model are what they should be: by the Hub's checksums, or offline by their own headers."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sgl.errors import CheckpointError
from sgl.hub.crew import work_through
from sgl.hub.display import Display
from sgl.hub.download import Download
from sgl.hub.header_format import LENGTH_BYTES, header_length, parse_header
from sgl.hub.listing import RemoteFile
from sgl.hub.meter import Meter
from sgl.hub.store import is_right

_JOBS: Final = 4


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what it should be, and why."""

    path: Path
    reason: str


def verify_checksums(download: Download, display: Display) -> list[Damage]:
    """Reads every wanted file and compares it with what the Hub lists; the damaged ones by name."""
    files = download.selection.files
    meter = Meter(sum(file.size for file in files), 0)
    damaged: list[Damage] = []

    def check(file: RemoteFile) -> None:
        path = download.store.path(file)
        meter.begin(file.path, 0, file.size)
        if not is_right(path, file, lambda count: meter.add(file.path, count)):
            damaged.append(Damage(path, _difference(path, file)))
        meter.end(file.path)

    work_through(files, check, _JOBS, threading.Event(), lambda: display.show(meter.read()))
    return sorted(damaged, key=lambda each: each.path)


def verify_headers(files: Iterable[Path]) -> list[Damage]:
    """Compares every ``*.safetensors`` file with what its own header promises."""
    damaged = []
    for path in sorted(files):
        if path.suffix == ".safetensors":
            try:
                _read_header(path)
            except CheckpointError as error:
                damaged.append(Damage(path, error.message.removeprefix(f"{path} is damaged: ").rstrip(".")))
    return damaged


def _difference(path: Path, file: RemoteFile) -> str:
    if not path.is_file():
        return "it is not there"
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size} bytes, the hub lists {file.size}"
    return "its checksum is not the one that the hub lists"


def _read_header(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = header_length(path, stream.read(LENGTH_BYTES), size)
        parse_header(path, stream.read(length), size)

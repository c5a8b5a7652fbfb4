"""The system's cache of file pages: asked to let go of a model's weights, so that a start reads them from the disk.

Only the given files are touched, with the rights of any user who may read them (posix_fadvise). Whether it worked is
looked up afterwards (mincore), for a page that another process uses stays. Linux; elsewhere nothing is dropped.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

COLD_BELOW: Final = 0.01
"""Share of the pages that may be left for a start to be called cold."""
_READ: Final = 1
_SHARED: Final = 1
_FAILED: Final = ctypes.c_void_p(-1).value


def weight_files(folder: Path) -> list[Path]:
    """The files of a model that its start reads as a whole."""
    return sorted(folder.glob("*.safetensors"))


def drop(files: Iterable[Path]) -> bool:
    """Asks the system to let go of the files' pages; returns whether it did."""
    listed = list(files)
    try:
        for path in listed:
            _drop(path)
        return bool(listed) and all(_resident_share(path) < COLD_BELOW for path in listed)
    except (OSError, AttributeError):  # No such call here, or not for this kind of file.
        return False


def _drop(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # A page that is not written yet cannot be let go.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _resident_share(path: Path) -> float:
    """Share of a file's pages that are in memory. Python's mmap cannot say that, so the C library is asked.

    Raises:
        OSError: The system does not say.
    """
    size = path.stat().st_size
    pages = -(-size // mmap.PAGESIZE)
    if not pages:
        return 0.0
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
    library.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    library.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        address = library.mmap(None, size, _READ, _SHARED, descriptor, 0)
    finally:
        os.close(descriptor)
    if address == _FAILED:
        raise OSError(ctypes.get_errno(), "mmap")
    try:
        states = ctypes.create_string_buffer(pages)
        if library.mincore(address, size, states):
            raise OSError(ctypes.get_errno(), "mincore")
        # Only the lowest bit of each byte means something.
        return sum(state & 1 for state in states.raw[:pages]) / pages
    finally:
        library.munmap(address, size)

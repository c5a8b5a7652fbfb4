"""`check_disk`: whether a download fits the file system it goes to, before its first byte."""

from __future__ import annotations

import shutil
from pathlib import Path

from sgl.config.sizes import gib
from sgl.errors import DownloadError


def free_bytes(folder: Path) -> int:
    """Bytes that may be written to the file system of a folder, which need not exist yet."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free


def check_disk(folder: Path, needed: int) -> None:
    """Refuses a download that does not fit.

    Raises:
        DownloadError: The numbers, and how to go on.
    """
    free = free_bytes(folder)
    if needed > free:
        raise DownloadError(
            f"The disk is too small: {gib(needed)} are to be downloaded, {gib(free)} are free in {folder}.",
            hint=f"Free {gib(needed - free)}, choose another place with HF_HOME or --local-dir, or give --force.",
        )

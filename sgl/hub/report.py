"""A download told: as a table for people, as a document for programs."""

from __future__ import annotations

from typing import Any

from sgl.columns import align
from sgl.config.sizes import gib
from sgl.hub.disk import free_bytes
from sgl.hub.download import Download
from sgl.hub.store import part_bytes
from sgl.log import escape


def table(download: Download) -> list[str]:
    """The files with their sizes and what is there of them, and the sums."""
    rows = [("FILE", "SIZE", "ON DISK")]
    missing = set(download.missing)
    for file in download.selection.files:
        rows.append((escape(file.path), gib(file.size), _state(file in missing, part_bytes(download.store, file))))
    count = len(download.selection.files)
    rows.append((f"{count} file{'' if count == 1 else 's'}", gib(download.total_bytes), ""))
    return [
        *align(rows, right={1}),
        "",
        f"to download  {gib(download.wanted_bytes)}",
        f"disk free    {gib(free_bytes(download.store.root))}",
        f"goes to      {download.store.root}",
    ]


def document(download: Download, *, received: int | None) -> dict[str, Any]:
    """The download as plain values; sizes are bytes.

    Args:
        received: Bytes that came over the network; None when nothing was begun.
    """
    missing = set(download.missing)
    return {
        "repository": download.repository.identity,
        "revision": download.repository.revision,
        "commit": download.listing.commit,
        "path": str(download.store.root),
        "files": [
            {
                "path": file.path,
                "bytes": file.size,
                "cached": file not in missing,
                "partial_bytes": part_bytes(download.store, file) if received is None and file in missing else 0,
            }
            for file in download.selection.files
        ],
        "bytes": download.total_bytes,
        "bytes_to_download": download.wanted_bytes,
        "bytes_downloaded": received,
        "disk_free_bytes": free_bytes(download.store.root),
        "warnings": list(download.selection.warnings),
    }


def _state(missing: bool, part: int) -> str:
    if not missing:
        return "yes"
    return f"{gib(part)} of it" if part else "no"

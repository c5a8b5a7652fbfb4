"""Which models the Hugging Face cache holds, read with `os.scandir` alone: fast enough for the Tab key.

The layout is huggingface_hub's (https://huggingface.co/docs/huggingface_hub/guides/manage-cache)::

    models--owner--name/refs/main             the commit that a branch stood for
                        snapshots/COMMIT/     the files of one commit, links into blobs/
                        blobs/HASH            each file once; HASH.*.incomplete is a part of one
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_PREFIX: Final = "models--"
TRUE: Final = frozenset({"1", "true", "yes", "on"})
"""What switches a variable of the Hub's client on, in small letters."""

PARTIAL: Final = ".incomplete"
"""Ending of a file that is still being downloaded."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the Hugging Face libraries keep repositories; the folder may not exist yet."""
    hub = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    if hub:
        return Path(os.path.expandvars(hub)).expanduser()
    home = environ.get("HF_HOME")
    if home:
        return Path(os.path.expandvars(home)).expanduser() / "hub"
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"


def is_offline(environ: Mapping[str, str]) -> bool:
    """Whether nothing may be asked of the hub: ``HF_HUB_OFFLINE=1``."""
    value = environ.get("HF_HUB_OFFLINE") or environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.lower() in TRUE


def cached_names(environ: Mapping[str, str]) -> list[tuple[str, int | None]]:
    """The repositories with at least one snapshot, by name, with the bytes they take on disk.

    The bytes are None where they cannot be read. A cache that is not there is an empty list.
    """
    found = []
    for entry in _entries(cache_folder(environ)):
        if entry.name.startswith(_PREFIX) and any(_entries(Path(entry.path, "snapshots"))):
            name = entry.name[len(_PREFIX) :].replace("--", "/", 1)
            found.append((name, _bytes_of(Path(entry.path, "blobs"))))
    return sorted(found, key=lambda each: each[0].lower())


def repository_folder(name: str, environ: Mapping[str, str]) -> Path:
    """The folder of the repository ``owner/name`` in the cache; it may not exist."""
    return cache_folder(environ) / f"{_PREFIX}{name.replace('/', '--')}"


def cached_snapshot(name: str, revision: str, environ: Mapping[str, str]) -> Path | None:
    """The folder of a repository's files in the cache, for the commit that the revision stood for."""
    folder = repository_folder(name, environ)
    reference = folder / "refs" / revision
    commit = reference.read_text("utf-8").strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / commit
    return snapshot if commit.isalnum() and snapshot.is_dir() else None


def _bytes_of(blobs: Path) -> int | None:
    try:
        with os.scandir(blobs) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except OSError:
        return None  # No such folder, or a file that vanished meanwhile: the size is not known.


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return  # A folder that is not there, or may not be read, has nothing to offer.

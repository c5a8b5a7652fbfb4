"""Where the files of a download lie: in the shared Hugging Face cache, or in a plain folder.

Both hold a file under its own name only when it is complete and its checksum was right; until then it is a part
with a name of its own, from which the next run goes on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from sgl.hub.cached import PARTIAL, repository_folder
from sgl.hub.listing import RemoteFile
from sgl.hub.repository import Repository

_BLOCK: Final = 1 << 20


class Store(Protocol):
    """Files of one commit. ``root`` is the folder that `sgl serve -m` takes."""

    root: Path

    def open(self) -> None:
        """Makes the folder."""

    def path(self, file: RemoteFile) -> Path:
        """Where the complete file is, or will be."""

    def part(self, file: RemoteFile) -> Path:
        """Where it is while it arrives."""

    def has(self, file: RemoteFile) -> bool:
        """Whether it is complete on disk; changes nothing."""

    def adopt(self, file: RemoteFile) -> bool:
        """Puts the file in its place if that takes no download; whether it is there now."""

    def finish(self, file: RemoteFile) -> None:
        """Gives the complete part its own name."""

    def discard(self, file: RemoteFile) -> None:
        """Removes a damaged file, so that it is downloaded again."""

    def close(self) -> None:
        """Notes that every wanted file is there."""


class CacheStore:
    """The cache that all Hugging Face libraries share (its layout: `sgl.hub.cached`)."""

    def __init__(self, repository: Repository, commit: str, environ: Mapping[str, str]) -> None:
        self._folder = repository_folder(repository.identity, environ)
        self._reference = self._folder / "refs" / repository.revision
        self._commit = commit
        self._named = repository.revision != commit
        self.root = self._folder / "snapshots" / commit

    def open(self) -> None:
        """Makes the folder. The first commit of a branch is noted at once, a later one when it is complete."""
        self.root.mkdir(parents=True, exist_ok=True)
        if self._named and not self._reference.is_file():
            _write(self._reference, self._commit)

    def path(self, file: RemoteFile) -> Path:
        """The link in the snapshot."""
        return self.root / file.path

    def part(self, file: RemoteFile) -> Path:
        """Beside the blob, with the ending that the other libraries skip."""
        return self._blob(file).with_name(file.digest + PARTIAL)

    def has(self, file: RemoteFile) -> bool:
        """Whether the snapshot, or another commit's, has the file in the size that it should have."""
        return file.size in (_size(self.path(file)), _size(self._blob(file)))

    def adopt(self, file: RemoteFile) -> bool:
        """Links a blob that another commit brought."""
        if _size(self.path(file)) == file.size:
            return True
        if _size(self._blob(file)) != file.size:
            return False
        self._link(file)
        return True

    def finish(self, file: RemoteFile) -> None:
        """Makes the part a blob, and links it into the snapshot."""
        os.replace(self.part(file), self._blob(file))
        self._link(file)

    def discard(self, file: RemoteFile) -> None:
        """Removes link and blob."""
        self.path(file).unlink(missing_ok=True)
        self._blob(file).unlink(missing_ok=True)

    def close(self) -> None:
        """Notes which commit the branch stands for."""
        if self._named:
            _write(self._reference, self._commit)

    def _blob(self, file: RemoteFile) -> Path:
        return self._folder / "blobs" / file.digest

    def _link(self, file: RemoteFile) -> None:
        path = self.path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        blob = self._blob(file)
        try:
            path.symlink_to(os.path.relpath(blob, path.parent))
        except OSError:
            os.replace(blob, path)  # No links on this file system: as the other libraries do there.


class FolderStore:
    """A plain folder. Files are told apart by their checksum, and taken from the cache where that has them."""

    def __init__(self, folder: Path, cache: CacheStore) -> None:
        self.root = folder
        self._cache = cache

    def open(self) -> None:
        """Makes the folder."""
        self.root.mkdir(parents=True, exist_ok=True)

    def path(self, file: RemoteFile) -> Path:
        """The file itself."""
        return self.root / file.path

    def part(self, file: RemoteFile) -> Path:
        """A hidden file beside it, whose name holds its checksum: another revision has another part."""
        path = self.path(file)
        return path.with_name(f".{path.name}.{file.digest[:16]}{PARTIAL}")

    def has(self, file: RemoteFile) -> bool:
        """Whether the very file is there; reads all of it when the size is right."""
        return is_right(self.path(file), file)

    def adopt(self, file: RemoteFile) -> bool:
        """Copies the file from the cache."""
        if self.has(file):
            return True
        source = self._cache.path(file)
        if not is_right(source, file):
            return False
        self.path(file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, self.part(file))
        self.finish(file)
        return True

    def finish(self, file: RemoteFile) -> None:
        """Renames the part."""
        os.replace(self.part(file), self.path(file))

    def discard(self, file: RemoteFile) -> None:
        """Removes the file."""
        self.path(file).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is left to note."""


def is_right(path: Path, file: RemoteFile, progress: Callable[[int], None] | None = None) -> bool:
    """Whether a file on disk has the listed size and checksum.

    Args:
        progress: Told how many bytes were read, after each block.
    """
    if _size(path) != file.size:
        return False
    hasher = file.hasher()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            hasher.update(block)
            if progress is not None:
                progress(len(block))
    return hasher.hexdigest() == file.digest


def part_bytes(store: Store, file: RemoteFile) -> int:
    """Bytes of a file that an earlier run left."""
    size = _size(store.part(file)) or 0
    return size if size <= file.size else 0


def _size(path: Path) -> int | None:
    """Bytes of a file, through its link; None when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """Writes a small file in one step, for those who read it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)

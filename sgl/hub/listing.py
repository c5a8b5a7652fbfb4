"""`Listing`: the files of a repository at one commit, with size and checksum, as the Hub states them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from sgl.errors import DownloadError

if TYPE_CHECKING:
    from hashlib import _Hash

_HEX: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file.

    Attributes:
        path: Relative to the repository, with ``/``.
        size: Bytes.
        digest: SHA-256 of a file in large-file storage (64 digits), else git's SHA-1 of the blob (40 digits);
            also its name in the cache.
    """

    path: str
    size: int
    digest: str

    def hasher(self) -> _Hash:
        """A fresh hash whose hexdigest after all bytes of the file is ``digest``."""
        if len(self.digest) == 64:
            return hashlib.sha256()
        # Git hashes a header before the content: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        return hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit.

    Attributes:
        commit: The commit that the revision stands for now.
        files: All of its files, by path.
        gated: Whether its authors give the files only to people who accepted their terms.
    """

    commit: str
    files: Mapping[str, RemoteFile]
    gated: bool = False


def read_listing(info: Any) -> Listing:
    """Reads huggingface_hub's ``ModelInfo``, asked for with ``files_metadata``.

    Raises:
        DownloadError: It lacks a size or a checksum, or names a file outside of its folder.
    """
    files = {}
    for sibling in info.siblings or ():
        path = sibling.rfilename
        if PurePosixPath(path).is_absolute() or not set(PurePosixPath(path).parts).isdisjoint({"..", "."}):
            raise DownloadError(f"The hub lists a file outside of the repository: {path!r}.")
        large = sibling.lfs
        size = sibling.size if large is None else large.size
        digest = sibling.blob_id if large is None else large.sha256
        if size is None or digest is None or not _HEX.fullmatch(digest):
            raise DownloadError(f"The hub states no size and no checksum of {path}.")
        files[path] = RemoteFile(path, size, digest)
    if info.sha is None or not _HEX.fullmatch(info.sha):
        raise DownloadError("The hub does not say which commit it lists.")
    return Listing(info.sha, files, gated=bool(getattr(info, "gated", False)))

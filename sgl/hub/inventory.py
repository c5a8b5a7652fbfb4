"""The models on this machine: those in the Hugging Face cache, and the built-in one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import CachedRevisionInfo, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from sgl import builtin
from sgl.hub.cached import PARTIAL, cache_folder
from sgl.hub.repository import MAIN
from sgl.hub.snapshot import missing_files


@dataclass(frozen=True, kw_only=True)
class LocalModel:
    """A model on this machine.

    Attributes:
        name: ``owner/name`` or ``builtin``.
        folder: The files of the revision that is served when none is named.
        revisions: The commits that are there, the served one first; empty for the built-in model.
        references: The branches and tags of the served one.
        size: Bytes on disk, of all revisions and of parts.
        partial_bytes: Bytes of files that have not arrived completely.
        missing: Files that the served revision lacks.
        last_used: When its weights were read, in seconds since 1970; None when nobody knows.
    """

    name: str
    folder: Path
    revisions: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    size: int
    partial_bytes: int = 0
    missing: tuple[str, ...] = ()
    last_used: float | None = None

    @property
    def removable(self) -> bool:
        """Whether it is in the cache; the built-in model is a part of sgl."""
        return self.name != builtin.NAME

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def local_models(environ: Mapping[str, str]) -> list[LocalModel]:
    """Every model, by name, the built-in one last."""
    return [*sorted(_cached(environ), key=lambda model: model.name.lower()), _builtin()]


def remove(names: Sequence[str], environ: Mapping[str, str]) -> int:
    """Removes cached repositories with all their revisions; returns the bytes that are free now."""
    cache = scan_cache_dir(cache_folder(environ))
    freed = 0
    for repo in cache.repos:
        if repo.repo_type == "model" and repo.repo_id in names:
            for path, size in _parts(repo.repo_path).items():
                path.unlink(missing_ok=True)
                freed += size
            # Of this repository alone: a commit is looked for in all of them, and a duplicate has the same ones.
            alone = replace(cache, repos=frozenset({repo}))
            strategy = alone.delete_revisions(*(revision.commit_hash for revision in repo.revisions))
            strategy.execute()
            freed += strategy.expected_freed_size
    return freed


def _cached(environ: Mapping[str, str]) -> list[LocalModel]:
    try:
        cache = scan_cache_dir(cache_folder(environ))
    except CacheNotFound:
        return []
    found = []
    for repo in cache.repos:
        if repo.repo_type != "model" or not repo.revisions:
            continue
        # The one that -m NAME serves: the branch main, else the latest.
        ordered = sorted(repo.revisions, key=lambda each: (MAIN not in each.refs, -each.last_modified))
        served = ordered[0]
        partial = sum(_parts(repo.repo_path).values())
        found.append(
            LocalModel(
                name=repo.repo_id,
                folder=served.snapshot_path,
                revisions=tuple(revision.commit_hash for revision in ordered),
                references=tuple(sorted(served.refs)),
                size=repo.size_on_disk + partial,
                partial_bytes=partial,
                missing=missing_files(served.snapshot_path),
                last_used=_last_read(served) or repo.last_accessed,
            )
        )
    return found


def _last_read(revision: CachedRevisionInfo) -> float | None:
    """When weights were last read: config.json is read by every list of models, this one included."""
    moments = (file.blob_last_accessed for file in revision.files if file.file_name.endswith(".safetensors"))
    return max(moments, default=None)


def _parts(repository: Path) -> dict[Path, int]:
    """The parts of files that have not arrived completely."""
    return {path: path.stat().st_size for path in repository.glob(f"blobs/*{PARTIAL}")}


def _builtin() -> LocalModel:
    folder = builtin.folder()
    with os.scandir(folder) as entries:
        size = sum(entry.stat().st_size for entry in entries if entry.is_file())
    return LocalModel(name=builtin.NAME, folder=folder, size=size)

"""From what the user typed after ``-m`` to a local folder.

A name is ``builtin`` for the model that comes with sgl, a folder, or a repository ``owner/name`` of the
Hugging Face Hub, which is looked for in the shared cache on disk (plain directory reads) before anything is
downloaded. Either way one commit is chosen once, and every file comes from its folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sgl import builtin
from sgl.config.sizes import gib
from sgl.errors import ModelNotFound
from sgl.hub.cached import cached_snapshot, is_offline
from sgl.hub.repository import Repository, parse_repository
from sgl.hub.snapshot import missing_files
from sgl.hub.weights import no_weights

_SHOWN: Final = 3


def resolve_model(name: str, *, revision: str | None = None, offline: bool | None = None, weights: bool = True) -> Path:
    """The folder of a model.

    Args:
        name: ``builtin``, a local folder with config.json, or ``owner/name`` or ``owner/name@revision``. A
            folder that is called builtin is written ``./builtin``.
        revision: Branch, tag or commit of the repository; None is ``main``.
        offline: Never ask the Hub; None follows ``HF_HUB_OFFLINE``.
        weights: Whether the weight files are needed, too.

    Raises:
        ModelNotFound: There is no such folder or repository; one line says what is missing.
    """
    if name == builtin.NAME:
        if revision is not None:
            raise ModelNotFound(
                f"The built-in model has no revision '{revision}'.", hint="--revision belongs to a repository: add -m."
            )
        return builtin.folder()
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelNotFound(
                f"{name} has no config.json.",
                hint="Give the folder that holds config.json and the *.safetensors files.",
            )
        return folder
    return _resolve_repository(name, revision, offline, weights=weights)


def resolve_tokenizer(name: str, *, revision: str | None = None, offline: bool | None = None) -> Path:
    """The folder of a tokenizer: as `resolve_model`, without weights; a local folder needs no config.json."""
    if name == builtin.NAME:
        return builtin.folder()
    folder = Path(name)
    return folder if folder.is_dir() else _resolve_repository(name, revision, offline, weights=False)


def check_folder(path: Path) -> None:
    """Refuses a model folder without weights that can be read.

    Raises:
        CheckpointError: No ``*.safetensors``; the message says what is there instead, the hint what to do.
    """
    names = os.listdir(path)
    if not any(name.endswith(".safetensors") for name in names):
        raise no_weights(path, names)


def _resolve_repository(name: str, revision: str | None, offline: bool | None, *, weights: bool) -> Path:
    repository = parse_repository(name, revision)
    cached = cached_snapshot(repository.identity, repository.revision, os.environ)
    missing = None if cached is None else missing_files(cached, weights=weights)
    if cached is not None and not missing:
        return cached
    if is_offline(os.environ) if offline is None else offline:
        raise offline_error(repository, missing)
    return _download(repository, weights=weights)


def offline_error(repository: Repository, missing: Sequence[str] | None) -> ModelNotFound:
    """The error for a repository that is not, or not wholly, in the cache while nothing may be downloaded.

    Args:
        missing: The files that its snapshot lacks; None when there is no snapshot at all.
    """
    if missing is None:
        state = "is not in the cache"
    else:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        state = f"is only partly in the cache, without {', '.join(missing[:_SHOWN])}{more},"
    return ModelNotFound(
        f"The repository {repository} {state} while downloads are off.",
        hint=f"Unset HF_HUB_OFFLINE and run: sgl download {repository}; or give the path of a local folder",
    )


def _download(repository: Repository, *, weights: bool) -> Path:
    """Downloads the repository into the cache, as `sgl download` does.

    Raises:
        SglError: The Hub does not have it, does not give it, or did not bring all of it.
    """
    # Imported here: a model in a folder or in the cache needs none of it, and it takes a third of a second.
    from sgl.hub.display import open_display
    from sgl.hub.download import Hub, Wish

    display = open_display(sys.stderr)
    try:
        hub = Hub(os.environ, display)
        download = hub.prepare(Wish(repository=repository, weights=weights))
        if download.missing:
            display.note(f"Downloading {repository}: {gib(download.wanted_bytes)}")
        hub.fetch(download)
    finally:
        display.close()
    return download.store.root

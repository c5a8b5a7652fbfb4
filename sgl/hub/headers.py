"""The headers of a model's weights: what tensors it has, read without reading them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sgl.errors import CheckpointError, ModelNotFound
from sgl.hub.cached import is_offline
from sgl.hub.header_format import LENGTH_BYTES, header_length, parse_header
from sgl.hub.repository import parse_repository
from sgl.hub.weight_files import weight_files
from sgl.plan.header import TensorHeader


def local_headers(folder: Path) -> tuple[TensorHeader, ...]:
    """The tensors of a model folder, from the files that the loader would open.

    Raises:
        CheckpointError: A file is damaged, cut off or missing, or is not what the index says.
    """
    found: list[TensorHeader] = []
    for file in weight_files(folder):
        headers = file_headers(file.path)
        file.check(header.name for header in headers)
        found += headers
    return tuple(found)


def remote_headers(
    repo: str, revision: str | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[TensorHeader, ...]:
    """The tensors of a repository of the Hub: the beginning of each weight file is asked for, nothing is kept.

    Args:
        repo: ``owner/name`` or ``owner/name@revision``.
        revision: Branch, tag or commit; None is ``main``.
        environ: Says which Hub (``HF_ENDPOINT``), and whether it may be asked (``HF_HUB_OFFLINE``).

    Raises:
        ModelNotFound: The Hub does not have it, or does not give it, or may not be asked.
        CheckpointError: A file is damaged, or nothing there is read by sgl.
        DownloadError: The Hub cannot be reached.
    """
    repository = parse_repository(repo, revision)
    if is_offline(environ):
        raise ModelNotFound(
            f"The weights of {repository} are not on this machine, and the hub may not be asked.",
            hint="Unset HF_HUB_OFFLINE.",
        )
    # Imported here: huggingface_hub takes a third of a second, and a model in a folder needs none of it.
    from sgl.hub.header_ranges import fetch_headers

    return fetch_headers(repository, environ)


def file_headers(path: Path) -> tuple[TensorHeader, ...]:
    """The tensors of one file, in the order of their data, which ends the file without gaps.

    Raises:
        CheckpointError: The file is damaged or cut off, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = header_length(path, file.read(LENGTH_BYTES), size)
            return parse_header(path, file.read(length), size)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error

"""`fetch_headers`: the headers of a repository's weight files, by range requests."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sgl.errors import CheckpointError
from sgl.hub.client import HubClient
from sgl.hub.failures import explain
from sgl.hub.header_format import LENGTH_BYTES, header_length, parse_header
from sgl.hub.listing import Listing, RemoteFile
from sgl.hub.patience import ask
from sgl.hub.repository import Repository
from sgl.hub.selection import INDEX, select
from sgl.hub.snapshot import parse_index
from sgl.plan.header import TensorHeader

FIRST_BYTES: Final = 128 * 1024
"""Asked for at once: most headers are smaller, and a second request costs more than the bytes."""
AT_ONCE: Final = 8


def fetch_headers(repository: Repository, environ: Mapping[str, str]) -> tuple[TensorHeader, ...]:
    """The tensors of the weight files that a download would bring, file by file.

    Raises:
        ModelNotFound, CheckpointError, DownloadError: As `sgl.hub.headers.remote_headers` says.
    """
    client = HubClient(environ)
    try:
        listing = ask(lambda: client.list(repository), _silent)
        files = [file for file in _weights(client, repository, listing) if file.path.endswith(".safetensors")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = list(pool.map(lambda file: _fetch(client, repository, listing.commit, file), files))
    except Exception as error:
        raise explain(error, repository, client, environ) from error
    return tuple(header for part in parts for header in part)


def _weights(client: HubClient, repository: Repository, listing: Listing) -> tuple[RemoteFile, ...]:
    index = listing.files.get(INDEX)
    indexed = None
    if index is not None:
        indexed = parse_index(ask(lambda: client.read(repository, listing.commit, index), _silent))
        if indexed is None:
            raise CheckpointError(f"{repository}: {INDEX} cannot be read.")
    return select(repository, listing.files, indexed=indexed).files


def _fetch(client: HubClient, repository: Repository, commit: str, file: RemoteFile) -> tuple[TensorHeader, ...]:
    place = f"{repository}/{file.path}"
    start = ask(lambda: _read(client, repository, commit, file, FIRST_BYTES), _silent)
    need = LENGTH_BYTES + header_length(place, start, file.size)
    if need > len(start):
        start = ask(lambda: _read(client, repository, commit, file, need), _silent)
    return parse_header(place, start[LENGTH_BYTES:need], file.size)


def _read(client: HubClient, repository: Repository, commit: str, file: RemoteFile, count: int) -> bytes:
    """The first ``count`` bytes, or the whole of a smaller file; a server that knows no ranges is cut off there."""
    content = bytearray()
    with client.stream(repository, commit, file, 0, count) as response:
        for part in response.iter_bytes():
            content += part
            if len(content) >= count:
                break
    return bytes(content[:count])


def _silent(text: str) -> None:
    """Waits are short; nobody has to read about them."""

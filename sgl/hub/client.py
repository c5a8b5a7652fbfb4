"""`HubClient`: the three questions sgl asks the Hub: which files, one small file, one file from some byte on.

Listing and login are huggingface_hub's. The bytes are asked for here because its own download throws the part of
a file that has arrived away when it is interrupted (2.4, ``file_download._download_to_tmp_and_move``) and waits in
silence; both matter for weights of many gigabytes. Only commands that download import this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from huggingface_hub import HfApi, constants, get_session, hf_hub_url

# Documented, but not exported in a way that mypy knows.
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, logging  # type: ignore[attr-defined]

from sgl._version import __version__
from sgl.hub.listing import Listing, RemoteFile, read_listing
from sgl.hub.repository import Repository

LISTING_TIMEOUT: Final = 20.0
"""Seconds for the list of a repository's files, which the Hub puts together when it is asked."""


class HubClient:
    """A client of the Hub at ``HF_ENDPOINT``, with the token of ``HF_TOKEN`` or ``hf auth login``.

    Its methods raise what huggingface_hub and its HTTP client raise; `sgl.hub.failures` explains it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.endpoint = (environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
        self.headers = build_hf_headers(library_name="sgl", library_version=__version__)
        self.headers["Accept-Encoding"] = "identity"  # Sizes and ranges are those of the file itself.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # What goes wrong is said here, once.

    @property
    def host(self) -> str:
        """Where it asks, for people."""
        return urlsplit(self.endpoint).netloc or self.endpoint

    @property
    def signed_in(self) -> bool:
        """Whether a token goes along."""
        return "authorization" in {name.lower() for name in self.headers}

    def page(self, repository: Repository) -> str:
        """The address of a repository's page."""
        return f"{self.endpoint}/{repository.identity}"

    def list(self, repository: Repository) -> Listing:
        """Every file of a repository, at the commit its revision stands for now."""
        api = HfApi(endpoint=self.endpoint, library_name="sgl", library_version=__version__)
        info = api.model_info(
            repository.identity, revision=repository.revision, files_metadata=True, timeout=LISTING_TIMEOUT
        )
        return read_listing(info)

    def read(self, repository: Repository, commit: str, file: RemoteFile) -> bytes:
        """The content of a small file."""
        with self.stream(repository, commit, file, 0) as response:
            content: bytes = response.read()
            return content

    @contextmanager
    def stream(
        self, repository: Repository, commit: str, file: RemoteFile, start: int, stop: int | None = None
    ) -> Iterator[Any]:
        """The HTTP response that brings a file from byte ``start`` on: status 206, or 200 when it begins at 0.

        With ``stop`` only the bytes before it are asked for; a server may send more.
        """
        url = hf_hub_url(repository.identity, file.path, revision=commit, endpoint=self.endpoint)
        last = "" if stop is None else stop - 1
        headers = {**self.headers, "Range": f"bytes={start}-{last}"} if start or stop else self.headers
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
            hf_raise_for_status(response)
            yield response

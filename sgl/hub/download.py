"""`prepare` and `fetch`: a repository of the Hub, from its list of files to a folder that can be served."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sgl.config.sizes import gib
from sgl.errors import DownloadError
from sgl.hub.client import HubClient
from sgl.hub.crew import work_through
from sgl.hub.disk import check_disk
from sgl.hub.display import Display
from sgl.hub.failures import explain
from sgl.hub.listing import Listing, RemoteFile
from sgl.hub.meter import Meter
from sgl.hub.patience import WAITS, ask
from sgl.hub.repository import Repository
from sgl.hub.selection import INDEX, Selection, is_small, select
from sgl.hub.snapshot import parse_index
from sgl.hub.store import CacheStore, FolderStore, Store, part_bytes
from sgl.hub.transfer import Transfer

JOBS: Final = 8
"""Files that arrive at the same time."""

LARGEST: Final = 50 * 1000**3
"""Bytes of a file above which the Hub gives it through Xet only (huggingface_hub's MAX_HTTP_DOWNLOAD_SIZE)."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What of a repository is wanted, and where.

    Attributes:
        repository: The repository and its revision.
        local_dir: A plain folder instead of the cache.
        quant: Pattern of the weights to take, where there are alternatives.
        everything: All files, not only those that are served.
        weights: Whether weights are wanted.
    """

    repository: Repository
    local_dir: Path | None = None
    quant: str | None = None
    everything: bool = False
    weights: bool = True


@dataclass(frozen=True, kw_only=True)
class Download:
    """A download that is decided and not begun.

    Attributes:
        repository: What was asked for.
        listing: What the Hub has.
        selection: What of it is wanted.
        store: Where it goes.
        missing: The wanted files that are not there yet.
        parts: Bytes of the missing files that an earlier run left.
    """

    repository: Repository
    listing: Listing
    selection: Selection
    store: Store
    missing: tuple[RemoteFile, ...]
    parts: int

    @property
    def total_bytes(self) -> int:
        """Bytes of everything that is wanted."""
        return sum(file.size for file in self.selection.files)

    @property
    def wanted_bytes(self) -> int:
        """Bytes that are to be downloaded."""
        return sum(file.size for file in self.missing) - self.parts


class Hub:
    """The Hub as one user sees it: with the endpoint, cache and token of an environment."""

    def __init__(self, environ: Mapping[str, str], display: Display, waits: Sequence[float] = WAITS) -> None:
        self.client = HubClient(environ)
        self._environ = environ
        self._display = display
        self._waits = waits

    def prepare(self, wish: Wish) -> Download:
        """Asks the Hub what there is, and looks at what is on disk already. Writes nothing.

        Raises:
            SglError: The Hub does not have it, or does not give it; or nothing of it can be served.
        """
        repository = wish.repository
        try:
            listing = ask(lambda: self.client.list(repository), self._display.note, self._waits[:2])
            cache = CacheStore(repository, listing.commit, self._environ)
            store: Store = cache if wish.local_dir is None else FolderStore(wish.local_dir, cache)
            selection = self._select(wish, listing, store)
        except Exception as error:
            raise explain(error, repository, self.client, self._environ) from error
        missing = tuple(file for file in selection.files if not store.has(file))
        return Download(
            repository=repository,
            listing=listing,
            selection=selection,
            store=store,
            missing=missing,
            parts=sum(part_bytes(store, file) for file in missing),
        )

    def read(self, download: Download, path: str) -> bytes | None:
        """A small file of a download, from the disk or the Hub; None when the repository has none.

        Raises:
            SglError: The Hub does not give it.
        """
        file = download.listing.files.get(path)
        if file is None:
            return None
        try:
            return self._read(download.repository, download.listing, download.store, file)
        except Exception as error:
            raise explain(error, download.repository, self.client, self._environ) from error

    def fetch(self, download: Download, *, force: bool = False) -> int:
        """Downloads what is missing; returns the bytes that came over the network.

        Args:
            force: Begin although the disk looks too small.

        Raises:
            SglError: It does not fit the disk, or did not come through; what has arrived is kept.
            KeyboardInterrupt: The user's; what has arrived is kept.
        """
        store = download.store
        _refuse_giants(download)
        if not force:
            check_disk(store.root, download.wanted_bytes)
        present = download.total_bytes - sum(file.size for file in download.missing) + download.parts
        meter = Meter(download.total_bytes, present)
        started = time.monotonic()
        try:
            store.open()
            for file in download.selection.files:
                if file not in download.missing:
                    store.adopt(file)
            # The small ones first: with them, a model that was interrupted says what it lacks.
            self._work(download, [file for file in download.missing if is_small(file.path)], meter)
            self._work(download, [file for file in download.missing if not is_small(file.path)], meter)
            store.close()
        except KeyboardInterrupt:
            self._show(meter)
            reading = meter.read()
            self._display.note(
                f"Stopped at {gib(reading.done)} of {gib(reading.total)}; the same command goes on from there."
            )
            raise
        except Exception as error:
            self._show(meter)
            raise explain(error, download.repository, self.client, self._environ, store) from error
        if meter.received:
            self._display.note(_finished(meter.received, time.monotonic() - started))
        return meter.received

    def _work(self, download: Download, files: Sequence[RemoteFile], meter: Meter) -> None:
        stop = threading.Event()
        commit, store = download.listing.commit, download.store
        transfer = Transfer(self.client, download.repository, commit, store, meter, stop, self._waits)
        work_through(files, transfer.fetch, JOBS, stop, lambda: self._show(meter))

    def _show(self, meter: Meter) -> None:
        for text in meter.take_notes():
            self._display.note(text)
        self._display.show(meter.read())

    def _select(self, wish: Wish, listing: Listing, store: Store) -> Selection:
        repository = wish.repository
        return select(
            repository,
            listing.files,
            indexed=self._indexed(repository, listing, store) if wish.weights else None,
            quant=wish.quant,
            everything=wish.everything,
            weights=wish.weights,
        )

    def _indexed(self, repository: Repository, listing: Listing, store: Store) -> tuple[str, ...] | None:
        """The weight files that the repository's index names."""
        file = listing.files.get(INDEX)
        return None if file is None else parse_index(self._read(repository, listing, store, file))

    def _read(self, repository: Repository, listing: Listing, store: Store, file: RemoteFile) -> bytes:
        path = store.path(file)
        if store.has(file) and path.is_file():
            return path.read_bytes()
        return ask(lambda: self.client.read(repository, listing.commit, file), self._display.note, self._waits[:2])


def _refuse_giants(download: Download) -> None:
    repository = download.repository
    for file in download.missing:
        if file.size > LARGEST:
            raise DownloadError(
                f"{file.path} has {gib(file.size)}, and the hub gives files of this size only through its own client.",
                hint=f"hf download {repository.identity} --revision {repository.revision} puts it into the same cache",
            )


def _finished(count: int, seconds: float) -> str:
    rate = f" ({gib(int(count / seconds))}/s)" if seconds > 0 else ""
    return f"Downloaded {gib(count)} in {max(seconds, 0.1):.1f} s{rate}"

"""`Transfer`: brings one file of a commit to disk, from where an earlier run stopped, whole and right."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from sgl.config.sizes import gib
from sgl.errors import DownloadError
from sgl.hub.client import HubClient
from sgl.hub.listing import RemoteFile
from sgl.hub.meter import Meter
from sgl.hub.part import Part
from sgl.hub.patience import WAITS, CutShort, Patience, reason_of
from sgl.hub.repository import Repository
from sgl.hub.store import Store

_LOCK_POLL: Final = 0.2
"""Seconds between two looks at a file that another process has."""


class Stopped(Exception):
    """The user, or a failure of another file, ended the download."""


class Transfer:
    """Files of one commit, from the Hub into a store. `fetch` may run in several threads."""

    def __init__(
        self,
        client: HubClient,
        repository: Repository,
        commit: str,
        store: Store,
        meter: Meter,
        stop: threading.Event,
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._client = client
        self._repository = repository
        self._commit = commit
        self._store = store
        self._meter = meter
        self._stop = stop
        self._waits = waits

    def fetch(self, file: RemoteFile) -> None:
        """Downloads a file, or takes it from where it already is.

        Raises:
            Stopped: ``stop`` was set; the part stays.
            DownloadError: What arrived is, twice, not what the Hub lists.
            Exception: What the client or the disk raised last; the part stays.
        """
        path = file.path
        try:
            while not self._store.adopt(file):
                part = Part(self._store.part(file), file)
                try:
                    if self._take(part, file) and part.is_current():
                        self._complete(part)
                        self._store.finish(file)
                        return
                finally:
                    part.close()
            self._meter.found(file.size)
        finally:
            self._meter.end(path)

    def _take(self, part: Part, file: RemoteFile) -> bool:
        """Waits for another process that downloads the same file; False when it has finished it meanwhile."""
        told = False
        while not part.lock():
            if not told:
                self._meter.note(f"Another sgl downloads {file.path}; waiting for it")
                told = True
            if self._stop.wait(_LOCK_POLL):
                raise Stopped
            if self._store.has(file):
                return False
        return True

    def _complete(self, part: Part) -> None:
        file = part.file
        part.reread()
        self._meter.begin(file.path, part.done, file.size)
        for last in (False, True):
            self._receive_all(part)
            if part.is_right():
                return
            self._begin_anew(part)
            if not last:
                self._meter.note(f"What arrived of {file.path} has a wrong checksum; downloading it again")
        raise DownloadError(
            f"{file.path} arrives damaged: its checksum is not the one that the hub lists.",
            hint="A proxy or mirror on the way may change it; HF_ENDPOINT chooses another one.",
        )

    def _receive_all(self, part: Part) -> None:
        """Asks for the rest of a file until all of it is there."""
        patience = Patience(self._waits)
        while part.done < part.file.size:
            before = part.done
            try:
                self._receive(part)
                if part.done < part.file.size:
                    size = part.file.size
                    raise CutShort(f"{part.file.path} ended after {gib(part.done)} of {gib(size)}")
            except Exception as error:  # Of many kinds: the HTTP client's, the Hub's, the disk's.
                self._bear(error, patience, progressed=part.done > before)

    def _bear(self, error: Exception, patience: Patience, *, progressed: bool) -> None:
        """Waits before the next try.

        Raises:
            Exception: ``error`` again, when it will not pass or has come too often.
        """
        if progressed:
            patience.reset()
        wait = patience.after(error)
        if wait is None:
            raise error
        self._meter.note(f"{reason_of(error)}; trying again in {wait:.0f} s")
        if self._stop.wait(wait):
            raise Stopped from error

    def _receive(self, part: Part) -> None:
        file, path = part.file, part.file.path
        with self._client.stream(self._repository, self._commit, file, part.done) as response:
            if part.done and response.status_code != 206:
                self._begin_anew(part)  # A server that knows no ranges sends everything.
            for chunk in response.iter_bytes():
                if self._stop.is_set():
                    raise Stopped
                if part.done + len(chunk) > file.size:
                    self._begin_anew(part)
                    raise DownloadError(f"The hub sends more of {path} than the {gib(file.size)} that it lists.")
                part.append(chunk)
                self._meter.add(path, len(chunk))

    def _begin_anew(self, part: Part) -> None:
        self._meter.take_back(part.file.path, part.done)
        part.restart()

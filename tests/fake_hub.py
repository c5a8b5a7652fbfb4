"""A Hub on loopback: the part of the Hugging Face Hub's HTTP API that a download needs, with faults on demand.

As the real one, it states sizes and checksums in the listing, serves small files itself, and sends the reader of a
large file on to another address (the ``cdn`` path here), which knows ranges. There is no Xet.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 64 << 10
"""Files from this size on are in large-file storage."""

TOKEN = "hf_aVerySecretTokenOfATest"


@dataclass
class Repo:
    """A repository: its commit, its files, and who may read it."""

    files: dict[str, bytes]
    commit: str = "a" * 40
    gated: bool = False
    revisions: tuple[str, ...] = ("main",)


@dataclass
class Fault:
    """What goes wrong with requests whose path ends with ``path``, the first ``times`` times.

    Attributes:
        status: Answer with this status and nothing else.
        headers: Sent along with it.
        cut: Close the connection after this many bytes of a body.
        drip: Seconds between blocks of 16 KiB.
        flip: Change one byte of the body.
        short: Leave these last bytes away, with a Content-Length that agrees.
        deaf: Answer a range with everything.
    """

    path: str
    times: int = 1 << 30
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float | None = None
    flip: bool = False
    short: int = 0
    deaf: bool = False


@dataclass
class Request:
    """One request that came: what for, from which byte on, how many bytes of a body went out, and with a token."""

    method: str
    path: str
    start: int
    token: bool
    sent: int = 0


class FakeHub:
    """The server; its address is ``endpoint``, that of its large files ``cdn`` (its own, when empty)."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.cdn = ""
        hub = self

        class Handler(_Handler):
            fake = hub

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stops."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, name: str, files: dict[str, bytes] | Path, **more: Any) -> Repo:
        """Adds a repository of files, or of all files in a folder."""
        if isinstance(files, Path):
            files = {path.name: path.read_bytes() for path in sorted(files.iterdir()) if path.is_file()}
        self.repos[name] = Repo(files, **more)
        return self.repos[name]

    def fail(self, path: str, **fault: Any) -> Fault:
        """Adds a fault."""
        self.faults.append(Fault(path, **fault))
        return self.faults[-1]

    def fault_of(self, path: str) -> Fault | None:
        """The fault of a request, counted down."""
        with self.lock:
            for fault in self.faults:
                if path.endswith(fault.path) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def bodies(self, path: str) -> list[Request]:
        """The requests that brought bytes of a file."""
        return [r for r in self.requests if r.path.endswith(path) and r.method == "GET" and r.sent]

    def bytes_sent(self) -> int:
        """Bytes of files that went out."""
        return sum(r.sent for r in self.requests if "/api/" not in r.path)


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    """A hub for the time of a test."""
    hub = FakeHub()
    try:
        yield hub
    finally:
        hub.close()


def git_sha1(content: bytes) -> str:
    """Git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of a client that was stopped in the middle."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    fake: FakeHub
    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, *args: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        start = int(self.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")[0])
        self.request_seen = Request(self.command, path, start, "Authorization" in self.headers)
        with self.fake.lock:
            self.fake.requests.append(self.request_seen)
        fault = self.fake.fault_of(path)
        if fault is not None and fault.status is not None:
            self._error(fault.status, headers=fault.headers)
        elif path.startswith("/api/models/"):
            self._list(path.removeprefix("/api/models/"))
        elif "/resolve/" in path:
            self._resolve(path, fault)
        elif path.startswith("/cdn/"):
            _, _, name, file = path.split("/", 3)
            self._body(self.fake.repos[name.replace("--", "/")].files[file], fault)
        else:
            self._error(404, "EntryNotFound")

    def _list(self, rest: str) -> None:
        name, _, revision = rest.partition("/revision/")
        repo = self._repo(name, revision or "main")
        if repo is None:
            return
        siblings: list[dict[str, Any]] = []
        for path, content in repo.files.items():
            entry: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
            if len(content) >= LARGE:
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        document = {"id": name, "sha": repo.commit, "siblings": siblings, "gated": "manual" if repo.gated else False}
        content = json.dumps(document).encode()
        self._send(200, content, {"Content-Type": "application/json"})

    def _resolve(self, path: str, fault: Fault | None) -> None:
        name, _, rest = path[1:].partition("/resolve/")
        revision, _, file = rest.partition("/")
        repo = self._repo(name, revision)
        if repo is None:
            return
        if repo.gated and "Authorization" not in self.headers:
            self._error(401, "GatedRepo", f"Access to model {name} is restricted.")
            return
        content = repo.files.get(file)
        if content is None:
            self._error(404, "EntryNotFound")
            return
        headers = {"X-Repo-Commit": repo.commit}
        if len(content) < LARGE:
            self._body(content, fault, {**headers, "ETag": f'"{git_sha1(content)}"'})
            return
        headers["X-Linked-ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        headers["X-Linked-Size"] = str(len(content))
        headers["Location"] = f"{self.fake.cdn or self.fake.endpoint}/cdn/{name.replace('/', '--')}/{file}"
        self._send(302, b"", headers)

    def _repo(self, name: str, revision: str) -> Repo | None:
        repo = self.fake.repos.get(name)
        if repo is None:
            self._error(404, "RepoNotFound", "Repository not found")
        elif revision not in (*repo.revisions, repo.commit):
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repo

    def _body(self, content: bytes, fault: Fault | None, headers: dict[str, str] | None = None) -> None:
        headers = dict(headers or {})
        start = self.request_seen.start
        last = self.headers.get("Range", "").rpartition("-")[2]
        stop = min(int(last) + 1, len(content)) if last else len(content)
        status = 200
        if fault is not None and fault.deaf:
            start, stop = 0, len(content)
        elif "Range" in self.headers:
            if start >= len(content):
                self._error(416)
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        body = content[start:stop]
        if fault is not None and fault.flip:
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault is not None and fault.short:
            body = body[: max(0, len(body) - fault.short)]
        self._send(status, body, headers, fault)

    def _send(self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is not None and fault.cut is not None:
            body = body[: fault.cut]
            self.close_connection = True
        block = 16 << 10 if fault is not None and fault.drip else 1 << 20
        try:
            for at in range(0, len(body), block):
                # Counted first: the reader may have the bytes, and a test look at the count, before the call returns.
                self.request_seen.sent += len(body[at : at + block])
                self.wfile.write(body[at : at + block])
                if fault is not None and fault.drip and self.fake.closing.wait(fault.drip):
                    self.close_connection = True
                    return
        except OSError:
            self.close_connection = True  # The reader has gone.

    def _error(self, status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None) -> None:
        more = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
        self._send(status, b"", {**more, **(headers or {})})


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    """Waits until something is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)

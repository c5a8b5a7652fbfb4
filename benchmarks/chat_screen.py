"""``python -m benchmarks.chat_screen``: how soon ``sgl chat`` shows its screen, and how soon a key while it streams.

The chat is a process of its own in a pseudo-terminal of 120x40; an endpoint in another process sends 15 KB of
Markdown at 150 pieces a second. The first frame is there when the composer and the line of keys are. A key is echoed
when its letter comes out of the terminal; the answer has none of those letters, and each is taken back before the next.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import multiprocessing
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import cpu_seconds

COLUMNS, ROWS = 120, 40
FRAME: Final = (b"sk something", b"palette")
"""Both are there when the first frame is; the cursor stands on the letter before."""

LETTERS: Final = b"QXZJ"
FRAME_BOUND_MS, ECHO_BOUND_MS = 700.0, 50.0
PIECE_LETTERS: Final = 4
WAIT_SECONDS: Final = 30.0
KEY_SECONDS: Final = 0.1
"""From one echo to the next key."""

IMPORTS: Final = "import sgl_cli.__main__, sgl_cli.chat.command, sgl_cli.chat.tui.run"


def answer(letters: int = 15_000) -> str:
    """Markdown with headings, lists, a table and code, without any of `LETTERS`."""
    section = (
        "## Part {0}\n\nA paragraph with **bold** words, `code` and a [link](https://example.org/{0}) that goes on for"
        " some lines, as an answer of a model does, so that there is something to wrap.\n\n"
        "- the first item\n- the second one, with *stress*\n  - below it\n- the third\n\n"
        "```python\ndef part_{0}(values: list[int]) -> int:\n    total = 0\n    for value in values:\n"
        "        total += value * {0}  # multiply and add\n    return total\n```\n\n"
        "| name | value |\n|------|-------|\n| one | {0} |\n| two | more than {0} |\n\n"
    )
    text, number = "", 0
    while len(text) < letters:
        number += 1
        text += section.format(number)
    return text[:letters]


class _Handler(BaseHTTPRequestHandler):
    rate: float = 150.0
    text: str = ""

    def do_GET(self) -> None:
        found = self.path == "/v1/models"
        self._send(200 if found else 404, {"object": "list", "data": [{"id": "streamed"}]} if found else {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/v1/chat/completions":
            self._send(404, {})
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        began = time.perf_counter()
        try:
            for number, at in enumerate(range(0, len(self.text), PIECE_LETTERS)):
                time.sleep(max(0.0, began + number / self.rate - time.perf_counter()))
                self._piece({"content": self.text[at : at + PIECE_LETTERS]}, None)
            self._piece({}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            return  # The chat has ended.

    def _piece(self, delta: dict[str, str], reason: str | None) -> None:
        body = {"model": "streamed", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        self.wfile.write(f"data: {json.dumps(body)}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: Any) -> None:
        """Says nothing."""


def _serve(ready: Connection, rate: float, text: str) -> None:
    _Handler.rate, _Handler.text = rate, text
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    ready.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def endpoint(rate: float, text: str) -> Iterator[str]:
    """An endpoint that streams ``text``; yields its address."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, rate, text), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


class Terminal:
    """A chat in a pseudo-terminal. What it writes is kept from the last `mark` on.

    Attributes:
        pid: Its process.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._output = bytearray()
        self._process = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, env=dict(environ), start_new_session=True
        )
        os.close(follower)
        self.pid = self._process.pid

    def write(self, keys: bytes) -> None:
        """Types."""
        os.write(self._leader, keys)

    def mark(self) -> None:
        """Forgets what has come."""
        self._output.clear()

    def has(self, *words: bytes) -> bool:
        """Whether all of these have come since the last `mark`."""
        return all(word in self._output for word in words)

    def read(self, seconds: float) -> bool:
        """Reads what comes next; returns whether there was anything, False at the end, too."""
        if not select.select([self._leader], [], [], max(0.0, seconds))[0]:
            return False
        try:
            piece = os.read(self._leader, 65536)
        except OSError:
            return False
        self._output += piece
        return bool(piece)

    def until(self, *words: bytes, seconds: float = WAIT_SECONDS) -> None:
        """Reads until all of these have come."""
        deadline = time.perf_counter() + seconds
        while not self.has(*words):
            self.read(deadline - time.perf_counter())
            if time.perf_counter() > deadline:
                raise TimeoutError(f"no {words} in {bytes(self._output[-2000:])!r}")

    def rest(self, seconds: float) -> None:
        """Reads for a time."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.read(left)

    def close(self) -> None:
        """Ends the chat."""
        self._process.send_signal(signal.SIGTERM)
        deadline = time.perf_counter() + WAIT_SECONDS
        while self._process.poll() is None and time.perf_counter() < deadline:
            self.read(0.05)
        self._process.kill()
        self._process.wait()
        os.close(self._leader)


@dataclass
class Echoes:
    """Milliseconds from a key to its letter on the screen.

    Attributes:
        cpu: Share of a core that the chat took meanwhile; None where it cannot be read.
    """

    ms: list[float] = field(default_factory=list)
    cpu: float | None = None

    @classmethod
    def of(cls, *parts: Echoes) -> Echoes:
        """Those of several chats together."""
        shares = [part.cpu for part in parts if part.cpu is not None]
        return cls([ms for part in parts for ms in part.ms], statistics.mean(shares) if shares else None)

    def line(self) -> str:
        """Median, 99th percentile and worst."""
        values = sorted(self.ms)
        cpu = "" if self.cpu is None else f", {self.cpu:.0%} of a core"
        times = f"p50 {statistics.median(values):.0f} ms, p99 {self.p99:.0f} ms, worst {values[-1]:.0f} ms"
        return f"{times} ({len(values)} keys{cpu})"

    @property
    def p99(self) -> float:
        """The 99th percentile; the worst of fewer than a hundred."""
        values = sorted(self.ms)
        return values[min(len(values) - 1, int(len(values) * 0.99))]


def first_frame(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Milliseconds from exec to the first whole frame."""
    began = time.perf_counter()
    terminal = Terminal(command, environ)
    try:
        terminal.until(*FRAME)
        return 1000 * (time.perf_counter() - began)
    finally:
        terminal.close()


def echoes(terminal: Terminal, keys: int, until: bytes | None) -> Echoes:
    """Types ``keys`` letters, or as many as fit until ``until`` comes."""
    measured, cpu, wall = Echoes(), cpu_seconds(terminal.pid).tree, time.perf_counter()
    ended = False
    for number in range(keys):
        letter = LETTERS[number % len(LETTERS) :][:1]
        ended = ended or (until is not None and terminal.has(until))
        if ended:
            break
        terminal.mark()
        began = time.perf_counter()
        terminal.write(letter)
        terminal.until(letter)
        measured.ms.append(1000 * (time.perf_counter() - began))
        terminal.rest(KEY_SECONDS / 2)
        terminal.write(b"\x7f")
        terminal.rest(KEY_SECONDS / 2 + 0.013 * (number % 5))  # Not in step with the screen's own timer.
    after = cpu_seconds(terminal.pid).tree
    if cpu is not None and after is not None:
        measured.cpu = (after - cpu) / (time.perf_counter() - wall)
    return measured


def streaming(command: Sequence[str], environ: Mapping[str, str], seconds: float) -> tuple[Echoes, Echoes]:
    """Echoes at rest, and while an answer of about ``seconds`` comes."""
    terminal = Terminal(command, environ)
    try:
        terminal.until(*FRAME, b"streamed")
        terminal.rest(0.5)
        still = echoes(terminal, 60, None)
        terminal.write(b"go\r")
        terminal.until(b"Part")
        return still, echoes(terminal, int((seconds - 1.0) / (1.5 * KEY_SECONDS)), None)
    finally:
        terminal.close()


def imports_ms(environ: Mapping[str, str]) -> float:
    """Milliseconds that Python takes to start and to import what the chat needs for its first frame."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], env=dict(environ), check=True)
    return 1000 * (time.perf_counter() - began)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints; returns 1 when a bound is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chat_screen", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="starts to measure")
    parser.add_argument("--answers", type=int, default=3, help="answers to type through, each in a new chat")
    parser.add_argument("--rate", type=float, default=150.0, help="pieces per second")
    parser.add_argument("--letters", type=int, default=15_000, help="length of the answer")
    options = parser.parse_args(argv)
    text = answer(options.letters)
    with tempfile.TemporaryDirectory() as folder, endpoint(options.rate, text) as url:
        environ = _environ(Path(folder))
        command = [sys.executable, "-m", "sgl_cli", "chat", "--url", url]
        unbuilt = first_frame(command, {**environ, "PYTHONPYCACHEPREFIX": str(Path(folder) / "empty")})
        first_frame(command, environ)
        starts = [first_frame(command, environ) for _ in range(options.runs)]
        imports = statistics.median(imports_ms(environ) for _ in range(options.runs))
        seconds = len(text) / PIECE_LETTERS / options.rate
        both = [streaming(command, environ, seconds) for _ in range(options.answers)]
        still, busy = Echoes.of(*(each[0] for each in both)), Echoes.of(*(each[1] for each in both))
    frame = statistics.median(starts)
    met = (frame <= FRAME_BOUND_MS, busy.p99 <= ECHO_BOUND_MS)
    verdict = ["met" if each else "NOT met" for each in met]
    print(f"first frame: {frame:.0f} ms, median of {len(starts)}, {min(starts):.0f} to {max(starts):.0f}", end=" ")
    print(f"(bound {FRAME_BOUND_MS:.0f} ms: {verdict[0]})")
    print(f"  of which Python and imports {imports:.0f} ms, the rest {frame - imports:.0f} ms")
    print(f"  without compiled files, as after an installation: {unbuilt:.0f} ms")
    print(f"key to letter at rest: {still.line()}")
    print(f"key to letter while {options.rate:.0f} pieces/s of {len(text) / 1000:.0f} KB come: {busy.line()}", end=" ")
    print(f"(bound p99 {ECHO_BOUND_MS:.0f} ms: {verdict[1]})")
    return 0 if all(met) else 1


def _environ(folder: Path) -> dict[str, str]:
    """A person who has set nothing, at a terminal with all colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SGL_", "OPENAI_", "XDG_"))}
    for name in ("NO_COLOR", "PYTHONDONTWRITEBYTECODE"):  # An installed program has its compiled files.
        kept.pop(name, None)
    places = {}
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        places[name] = str(folder / name[4:6])
        Path(places[name]).mkdir(mode=0o700)
    return {**kept, **places, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


if __name__ == "__main__":
    sys.exit(main())

"""The parent's side of the template helper process (`sgl.tokenizer.renderer`)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from typing import Any, Final

from sgl.errors import ModelError, RequestError

CPU_SECONDS: Final = 1.0
"""CPU time one rendering may take; then the kernel ends the helper and the next request gets a fresh one."""

WALL_SECONDS: Final = 10.0
"""Longest wait for an answer: `CPU_SECONDS` on a machine so busy that the helper gets a tenth of a core."""

START_SECONDS: Final = 30.0
"""Longest time until a new helper's Python is up."""

MAX_ANSWER_BYTES: Final = 128 * 1024 * 1024
"""Longest answer line read: the renderer's own cap on text, with every character escaped in JSON."""

MESSAGE_LIMIT: Final = 300
"""Most characters of a template's own error text that are passed on."""

_SILENT: Final = f"gives no answer for {WALL_SECONDS:g} s"

_PASSED_ON: Final = ("PATH", "TZ", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""Environment variables the helper gets: none of them holds a secret."""

_CHUNK: Final = 1 << 18


class RenderHelper:
    """One renderer process, started by `start` and again after it had to be killed.

    Requests are answered one after another, in the order they came. Belongs to one event loop at a time.

    Args:
        templates: Name -> Jinja text.

    Attributes:
        wants_parts: Whether message contents must be lists of parts; known after `wait_started`.
    """

    def __init__(self, templates: Mapping[str, str]) -> None:
        self.wants_parts = False
        self._templates = dict(templates)
        self._first_line = b""
        self._child: _Child | None = None
        self._turn: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the process and returns at once; `wait_started` must follow."""
        self._child = _Child()

    def wait_started(self, variables: Mapping[str, Any]) -> None:
        """Waits until the templates are compiled and have rendered one message.

        Args:
            variables: Given to every rendering, e.g. ``bos_token``.

        Raises:
            ModelError: The templates cannot be used: a syntax error, or one word of input makes them
                exceed the limits. The helper is gone then.
        """
        child = self._child
        if child is None:
            raise RuntimeError("start() comes first")
        self._first_line = _line({"templates": self._templates, "variables": variables, "cpu_seconds": CPU_SECONDS})
        try:
            child.receive(START_SECONDS)
            child.send(self._first_line, WALL_SECONDS)
            answer = child.receive(WALL_SECONDS)
        except TimeoutError:
            self.close()
            raise _unusable(_SILENT) from None
        except ConnectionError:
            raise _unusable(f"{self._bury()} on one short message") from None
        if "failed" in answer:
            self.close()
            raise _unusable(f"cannot be used: {_shown(answer['message'])}")
        self.wants_parts = bool(answer["parts"])
        child.connection.setblocking(False)

    async def render(self, template: str, variables: Mapping[str, Any]) -> str:
        """Renders one of the templates.

        Raises:
            RequestError: The template refused the messages, failed on them, or exceeded a limit.
        """
        async with self._lock():
            try:
                child = self._child
                if child is None or child.process.poll() is not None:
                    child = await self._restarted()
                answer = await asyncio.wait_for(child.exchange(_line(_request(template, variables))), WALL_SECONDS)
            except (TimeoutError, asyncio.TimeoutError):
                self.close()
                raise _refused(_SILENT) from None
            except ConnectionError:
                raise _refused(self._bury()) from None
            except BaseException:  # Cancelled half-way: the rest of the answer would be taken for the next one's.
                self.close()
                raise
        if "failed" in answer:
            raise _refused(f"says: {_shown(answer['message'])}" if answer["failed"] == "refused" else _failure(answer))
        return str(answer["text"])

    def close(self) -> None:
        """Ends the process; a later `render` starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _bury(self) -> str:
        """Clears away the process that has ended by itself, and says why it did."""
        child = self._child
        self.close()
        too_long = child is not None and child.process.returncode == -signal.SIGPROF
        return f"takes longer than {CPU_SECONDS:g} s" if too_long else "made its renderer process end"

    def _lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._turn is None or self._loop is not loop:
            self._turn, self._loop = asyncio.Lock(), loop
        return self._turn

    async def _restarted(self) -> _Child:
        self.close()
        child = self._child = _Child()
        child.connection.setblocking(False)
        await asyncio.wait_for(child.read_answer(), START_SECONDS)
        # What it says of the templates was checked when the server started.
        await asyncio.wait_for(child.exchange(self._first_line), WALL_SECONDS)
        return child


class _Child:
    """A running renderer and the socket that is its standard input and output."""

    def __init__(self) -> None:
        self.connection, theirs = socket.socketpair()
        try:
            self.process = _spawn(theirs.fileno())
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()
        self._received = bytearray()
        self._searched = 0
        self.end = weakref.finalize(self, _end, self.process, self.connection)

    def send(self, line: bytes, seconds: float) -> None:
        """Blocking; raises TimeoutError or ConnectionError."""
        self.connection.settimeout(seconds)
        self.connection.sendall(line)

    def receive(self, seconds: float) -> dict[str, Any]:
        """Blocking; raises TimeoutError or ConnectionError."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self._next_answer()
            if answer is not None:
                return answer
            self.connection.settimeout(max(deadline - time.monotonic(), 1e-3))
            self._take(self.connection.recv(_CHUNK))

    async def exchange(self, line: bytes) -> dict[str, Any]:
        """Sends a request and reads its answer; raises ConnectionError when the process ends meanwhile."""
        await asyncio.get_running_loop().sock_sendall(self.connection, line)
        return await self.read_answer()

    async def read_answer(self) -> dict[str, Any]:
        """Reads the next answer; raises ConnectionError when the process ends."""
        loop = asyncio.get_running_loop()
        while True:
            answer = self._next_answer()
            if answer is not None:
                return answer
            self._take(await loop.sock_recv(self.connection, _CHUNK))

    def _take(self, data: bytes) -> None:
        if not data or len(self._received) + len(data) > MAX_ANSWER_BYTES:
            raise ConnectionError("the renderer's answers ended")
        self._received += data

    def _next_answer(self) -> dict[str, Any] | None:
        end = self._received.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._received)
            return None
        answer: dict[str, Any] = json.loads(self._received[:end])
        del self._received[: end + 1]
        self._searched = 0
        return answer


def _spawn(connection: int) -> subprocess.Popen[bytes]:
    """Starts the renderer with few environment variables, and away from the terminal's signals."""
    environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environ["PYTHONPATH"] = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    environ["PYTHONSAFEPATH"] = "1"
    command = [sys.executable, "-m", "sgl.tokenizer.renderer"]
    return subprocess.Popen(command, stdin=connection, stdout=connection, env=environ, cwd="/", start_new_session=True)


def _end(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    """Kills the renderer, which holds nothing worth a farewell, and leaves no zombie."""
    connection.close()
    process.kill()
    process.wait()


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _request(template: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {"template": template, "variables": variables}


def _failure(answer: Mapping[str, Any]) -> str:
    return f"cannot render these messages: {_shown(answer['message'])}"


def _refused(what: str) -> RequestError:
    return RequestError(f"The model's chat template {what}.", param="messages")


def _unusable(what: str) -> ModelError:
    return ModelError(f"The model's chat template {what}.", hint="Give another template with --chat-template FILE.")


def _shown(message: object) -> str:
    """A template's own words, which may quote the client: escaped, on one line, bounded."""
    text = str(message)
    shown = ascii(text[:MESSAGE_LIMIT])[1:-1]
    return shown if len(text) <= MESSAGE_LIMIT else shown + "..."

"""Where an HTTP/1.1 answer ends: its head, and the three ways to frame a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

LONGEST_HEAD: Final = 64 * 1024
LONGEST_SIZE_LINE: Final = 1024
_DONE: Final = b"data: [DONE]\n\n"


class BadHttp(Exception):
    """What came is not HTTP; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer.

    Attributes:
        status: HTTP status.
        headers: By lower-case name.
        version: Such as ``HTTP/1.1``.
    """

    status: int
    headers: Mapping[str, str]
    version: str

    @property
    def keeps(self) -> bool:
        """Whether the connection may be used again."""
        said = self.headers.get("connection", "").lower()
        return "close" not in said if self.version == "HTTP/1.1" else "keep-alive" in said


def read_head(raw: bytes) -> Head:
    """Reads a head without its empty line.

    Raises:
        BadHttp: It is none.
    """
    first, *lines = raw.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or len(status) != 3 or not status.isdecimal():
        raise BadHttp("the answer is not HTTP/1.1")
    pairs = (line.partition(":") for line in lines)
    return Head(int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}, version)


class Body(Protocol):
    """Takes a body off the connection."""

    @property
    def complete(self) -> bool:
        """Whether its last byte has come."""
        ...

    def feed(self, data: bytes) -> bytes:
        """The content in ``data``."""
        ...


def body_of(head: Head) -> Body:
    """How the body after ``head`` is framed.

    Raises:
        BadHttp: The head does not say it in a way that we know.
    """
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        return Chunked()
    if (length := head.headers.get("content-length")) is not None:
        if not length.isdecimal():
            raise BadHttp("the answer's content-length is not a number")
        return Counted(int(length))
    return Counted(0) if head.status in (204, 304) else UntilClosed()


class Chunked:
    """``transfer-encoding: chunked``. Runs once for every read of every answer: lean rather than pretty."""

    def __init__(self) -> None:
        self.complete = False
        self._left = 0
        """Bytes until the next size line, those of the line end that closes a chunk among them."""
        self._rest = b""
        """The beginning of a size line, or of trailers."""
        self._trailer = False

    def feed(self, data: bytes) -> bytes:
        """The content in ``data``.

        Raises:
            BadHttp: A size is none.
        """
        if self._rest:
            data, self._rest = self._rest + data, b""
        content: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.complete:
            if self._left:
                upto = min(end, at + self._left)
                # The last two bytes of what is left are the chunk's own line end, not content.
                inside = min(upto, at + self._left - 2)
                if inside > at:
                    content.append(data[at:inside])
                self._left -= upto - at
                at = upto
                continue
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                self._rest = data[at:]
                if len(self._rest) > LONGEST_SIZE_LINE:
                    raise BadHttp("a chunk of the answer has no size")
                break
            line = data[at:line_end]
            at = line_end + 2
            if self._trailer:
                self.complete = not line
            elif size := _size(line):
                self._left = size + 2
            else:
                self._trailer = True
        return content[0] if len(content) == 1 else b"".join(content)


def _size(line: bytes) -> int:
    try:
        size = int(line.partition(b";")[0], 16)
    except ValueError:
        raise BadHttp("a chunk of the answer has no size") from None
    if size < 0:
        raise BadHttp("a chunk of the answer has no size")
    return size


class Counted:
    """``content-length``."""

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def complete(self) -> bool:
        """Whether its last byte has come."""
        return self._left == 0

    def feed(self, data: bytes) -> bytes:
        """The content in ``data``."""
        content = data[: self._left]
        self._left -= len(content)
        return content


class UntilClosed:
    """Neither: the end of the connection is the end of the body, or OpenAI's last event is."""

    def __init__(self) -> None:
        self.complete = False
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """All of it."""
        self._tail = (self._tail + data)[-len(_DONE) :]
        self.complete = self._tail == _DONE
        return data

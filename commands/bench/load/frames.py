"""What the processes of one run say to each other: a length, then msgpack."""

from __future__ import annotations

import asyncio
import struct
from typing import Final, TypeVar

import msgspec

from ..record import Record
from ..target.target import Target
from ..wire.wire import Limits
from .driver import Share
from .health import LoopHealth
from .work import Work

_LENGTH: Final = struct.Struct(">I")
Message = TypeVar("Message")


class Setup(msgspec.Struct, tag=True, frozen=True):
    """First word to a worker; `Share.zero` is not known yet."""

    target: Target
    limits: Limits
    share: Share
    reuse: bool
    files: int


class Give(msgspec.Struct, tag=True, frozen=True):
    """Work; the last is said with ``last``."""

    works: list[Work]
    last: bool = False


class Go(msgspec.Struct, tag=True, frozen=True):
    """The run starts at ``zero``, by the worker's own clock."""

    zero: float


class StopSending(msgspec.Struct, tag=True, frozen=True):
    """No more; what is under way is waited for, unless ``abort``."""

    abort: bool = False


class Ready(msgspec.Struct, tag=True, frozen=True):
    """A worker's first word: its clock, and how many files it may open."""

    clock: float
    files: int


class News(msgspec.Struct, tag=True, frozen=True):
    """What has happened since the last one. Counts are since the start."""

    records: list[Record]
    taken: int
    sent: int
    in_flight: int
    waiting: int
    events: int
    lag_ms: float


class Bye(msgspec.Struct, tag=True, frozen=True):
    """A worker's last word; an error of the user's, if any."""

    health: LoopHealth
    error: str = ""
    hint: str | None = None


ToWorker = Setup | Give | Go | StopSending
FromWorker = Ready | News | Bye

TO_WORKER: Final = msgspec.msgpack.Decoder(ToWorker)
FROM_WORKER: Final = msgspec.msgpack.Decoder(FromWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """The bytes of a message."""
    content = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(content)) + content


async def read_frame(stream: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[Message]) -> Message | None:
    """The next message; None when there will be none."""
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return decoder.decode(await stream.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None

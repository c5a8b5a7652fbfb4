"""Frames to bytes and back: msgpack of the closed unions in `sgl.protocol.messages`, and nothing else.

`Outbound` numbers what is sent, `Inbound` decides what is taken. A frame that does not decode, or that
belongs to another epoch, or that was seen before, is counted and dropped: whatever arrives, the loop that
reads goes on. Only a gap in the numbers is an error, because then a message is lost for good.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from sgl.errors import SglError
from sgl.ipc.token_ids import ID_BYTES
from sgl.protocol.messages import FromEngineFrame, Generate, ToEngineFrame

log = logging.getLogger(__name__)

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024

Body = TypeVar("Body")
BodyOut = TypeVar("BodyOut", covariant=True)

_ENCODER: Final = msgspec.msgpack.Encoder()
_TO_ENGINE: Final = msgspec.msgpack.Decoder(ToEngineFrame)
_FROM_ENGINE: Final = msgspec.msgpack.Decoder(FromEngineFrame)

# What msgspec raises for bytes that are no message: besides its own errors, text that is not UTF-8 and
# nesting without end.
_DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class BadFrame(SglError):
    """Bytes that are no frame."""


class FrameGap(SglError):
    """A frame of this epoch was lost on the way."""


class Frame(Protocol[BodyOut]):
    """What both directions have in common."""

    @property
    def epoch(self) -> int:
        """The life of an engine process this frame belongs to."""

    @property
    def sequence(self) -> int:
        """Its place among the frames of its direction."""

    @property
    def body(self) -> BodyOut:
        """The message."""


def decode_to_engine(data: bytes) -> ToEngineFrame:
    """A frame to an engine.

    Raises:
        BadFrame: The bytes are none.
    """
    try:
        frame = _TO_ENGINE.decode(data)
    except _DECODE_ERRORS as error:
        raise BadFrame(f"not a frame to an engine ({type(error).__name__})") from error
    if isinstance(frame.body, Generate) and len(frame.body.input_ids) % ID_BYTES:
        raise BadFrame(f"{len(frame.body.input_ids)} bytes are no array of token ids")
    return frame


def decode_from_engine(data: bytes) -> FromEngineFrame:
    """A frame from an engine.

    Raises:
        BadFrame: The bytes are none.
    """
    try:
        return _FROM_ENGINE.decode(data)
    except _DECODE_ERRORS as error:
        raise BadFrame(f"not a frame from an engine ({type(error).__name__})") from error


class Outbound(Generic[Body]):
    """Numbers the frames of one direction and encodes them."""

    def __init__(self, epoch: int, frame_type: Callable[[int, int, Body], Frame[Body]]) -> None:
        self._epoch = epoch
        self._frame_type = frame_type
        self._next = 0

    def pack(self, body: Body) -> bytes:
        """The next frame; its number counts as used only when the bytes could be made.

        Raises:
            BadFrame: The message is larger than the other side takes.
        """
        data = _ENCODER.encode(self._frame_type(self._epoch, self._next, body))
        if len(data) > MAX_FRAME_BYTES:
            raise BadFrame(f"a {type(body).__name__} of {len(data)} bytes is over {MAX_FRAME_BYTES}")
        self._next += 1
        return data


class Inbound(Generic[Body]):
    """Takes the frames of one direction, in order, each once.

    Attributes:
        bad: Frames dropped because they did not decode.
        foreign: Frames dropped because they belong to another epoch.
        repeated: Frames dropped because they were seen before.
    """

    def __init__(self, epoch: int, decode: Callable[[bytes], Frame[Body]]) -> None:
        self.bad = 0
        self.foreign = 0
        self.repeated = 0
        self._epoch = epoch
        self._decode = decode
        self._next = 0

    def accept(self, data: bytes) -> Body | None:
        """The message in ``data``, or None when the frame was dropped.

        Raises:
            FrameGap: Frames between the last one and this are missing.
        """
        try:
            frame = self._decode(data)
        except BadFrame as error:
            self.bad += 1
            if self.bad == 1:
                log.warning("dropped %s; further ones are only counted", error)
            return None
        if frame.epoch != self._epoch:
            self.foreign += 1
            return None
        if frame.sequence < self._next:
            self.repeated += 1
            return None
        if frame.sequence > self._next:
            raise FrameGap(f"frames {self._next} to {frame.sequence - 1} between server and engine were lost")
        self._next += 1
        return frame.body

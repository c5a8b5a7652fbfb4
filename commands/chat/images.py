"""Pictures for vision models: read from a path, from bytes or from a ``data:`` URI, and checked before use.

The kind is decided by the first bytes, never by the name.
"""

from __future__ import annotations

import base64
import binascii
import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from sgl.errors import UsageError, echo

from .text.oneline import one_line

MOST_BYTES: Final = 20 << 20
"""Largest picture that is taken; servers refuse larger bodies anyway."""

_MEBIBYTE: Final = 1 << 20
_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_KINDS: Final = "PNG, JPEG, GIF or WebP"
_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")


@dataclass(frozen=True)
class Picture:
    """A picture's bytes, its type and what it is called; the name is for people and may be empty."""

    mime: str
    data: bytes
    name: str = ""

    @property
    def uri(self) -> str:
        """The whole picture as a ``data:`` URI."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"

    @property
    def part(self) -> dict[str, Any]:
        """The picture as a part of an OpenAI message."""
        return {"type": "image_url", "image_url": {"url": self.uri}}


def image_kind(data: bytes) -> str | None:
    """The MIME type after the first bytes, or None for what is no picture that models take."""
    for start, mime in _STARTS:
        if data.startswith(start):
            return mime
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def image_from_bytes(data: bytes, name: str = "", *, most_bytes: int = MOST_BYTES) -> Picture:
    """Checks what came from a pipe or a clipboard.

    Raises:
        UsageError: It is too large, or no picture that models take.
    """
    shown = one_line(name) or "the picture"
    if len(data) > most_bytes:
        raise _too_large(shown, len(data), most_bytes)
    mime = image_kind(data)
    if mime is None:
        what = "is empty" if not data else f"is not a {_KINDS} picture"
        raise UsageError(f"{shown} {what}", hint="convert it first, or paste text with /file")
    return Picture(mime, data, name)


def read_image(path: Path, *, most_bytes: int = MOST_BYTES) -> Picture:
    """Reads a picture file.

    Raises:
        UsageError: There is no such file, it is no regular file, too large, or no picture that models take.
    """
    shown = one_line(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # A FIFO must not wait for a writer.
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{shown} is not a file", hint=f"give the path of a {_KINDS} picture")
            if status.st_size > most_bytes:
                raise _too_large(shown, status.st_size, most_bytes)
            data = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{shown} cannot be read: {reason}", hint=f"give the path of a {_KINDS} picture") from error
    return image_from_bytes(data, path.name, most_bytes=most_bytes)


def image_from_uri(uri: str, *, most_bytes: int = MOST_BYTES) -> Picture:
    """Decodes a ``data:`` URI; its own word for the type does not count.

    Raises:
        UsageError: It is no such URI, too large, or no picture that models take.
    """
    head, comma, body = uri.partition(",")
    if not comma or not head.lower().startswith("data:"):
        raise UsageError(f"{echo(uri)} is not a data: URI")
    if len(body) > 4 * most_bytes:
        raise _too_large("the picture", len(body), most_bytes)
    if not head.lower().endswith(";base64"):
        return image_from_bytes(unquote_to_bytes(body), most_bytes=most_bytes)
    try:
        data = base64.b64decode(unquote(body) if "%" in body else body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("the data: URI of the picture is damaged") from error
    return image_from_bytes(data, most_bytes=most_bytes)


def pasted_image(text: str) -> Path | None:
    """The picture file that a pasted or dragged text names, if it is nothing else: quoted, escaped or ``file://``."""
    text = text.strip()
    if not text or "\n" in text or "\0" in text or not text.rstrip("'\"").lower().endswith(_SUFFIXES):
        return None
    candidates = [text]
    if text.lower().startswith("file://"):
        candidates = [unquote(urlsplit(text).path)]
    else:
        try:
            words = shlex.split(text)
        except ValueError:  # An apostrophe in a name that is not quoted: only the text as it stands can be meant.
            words = []
        candidates += words if len(words) == 1 else []
    for candidate in candidates:
        path = Path(candidate).expanduser() if candidate.startswith("~/") else Path(candidate)
        try:
            if path.is_file():
                return path
        except OSError:  # Too long for a name, for example.
            continue
    return None


def _too_large(shown: str, size: int, most: int) -> UsageError:
    message = f"{shown} has {size / _MEBIBYTE:.1f} MiB, more than the {most / _MEBIBYTE:.0f} MiB that are sent"
    return UsageError(message, hint="scale it down first")

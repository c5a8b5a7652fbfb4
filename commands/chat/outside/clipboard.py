"""The system's clipboard: text into it and pictures out of it, through whichever tool the desktop has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..images import MOST_BYTES, Picture, image_from_bytes, image_kind
from ..text.sanitize import sanitize
from .tools import find, give, take

COPY_SECONDS: Final = 2.0
PASTE_SECONDS: Final = 5.0
"""How long one tool may take; a picture has to be encoded first."""

_PICTURE_NAME: Final = "clipboard"


@dataclass(frozen=True)
class _Tool:
    """A program for the clipboard.

    Attributes:
        command: What is run.
        needs: It is tried where one of these variables is set; always, when there are none.
        encoding: Of the text it reads.
        adds: Variables that it needs.
    """

    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    encoding: str = "utf-8"
    adds: Mapping[str, str] = field(default_factory=dict)

    def path(self, environ: Mapping[str, str]) -> str | None:
        """Where it is, when it can work here."""
        if self.needs and not any(environ.get(name) for name in self.needs):
            return None
        return find(self.command[0], environ)


_WAYLAND: Final = ("WAYLAND_DISPLAY",)
_X11: Final = ("DISPLAY",)
_WSL: Final = ("WSL_DISTRO_NAME", "WSL_INTEROP")

_COPY: Final = (
    _Tool(("pbcopy",), adds={"LC_CTYPE": "UTF-8"}),  # Without a locale it takes text for MacRoman.
    _Tool(("wl-copy",), _WAYLAND),
    _Tool(("xclip", "-selection", "clipboard"), _X11),
    _Tool(("xsel", "--clipboard", "--input"), _X11),
    _Tool(("clip.exe",), _WSL, encoding="utf-16-le"),
    _Tool(("termux-clipboard-set",)),
)
_PASTE: Final = (
    _Tool(("wl-paste", "--type", "image/png"), _WAYLAND),
    _Tool(("xclip", "-selection", "clipboard", "-t", "image/png", "-o"), _X11),
    _Tool(("pngpaste", "-")),
    _Tool(("osascript", "-e", "the clipboard as «class PNGf»")),
)
_HEX_START: Final = b"PNGf"
"""osascript writes ``«data PNGf89504E47...»``."""


def copy(text: str, environ: Mapping[str, str] = os.environ, *, seconds: float = COPY_SECONDS) -> str:
    """Puts text on the clipboard, without what could drive a terminal.

    Takes at most `seconds` for each tool: call it from a thread.

    Returns:
        The name of the tool that did it; empty when none can.
    """
    clean = sanitize(text)
    for tool in _COPY:
        path = tool.path(environ)
        if path is None:
            continue
        if give([path, *tool.command[1:]], clean.encode(tool.encoding), {**environ, **tool.adds}, seconds):
            return tool.command[0]
    return ""


def paste_image(environ: Mapping[str, str] = os.environ, *, seconds: float = PASTE_SECONDS) -> Picture | None:
    """The picture on the clipboard; None when there is none, or no tool to ask.

    Takes at most `seconds` for each tool: call it from a thread.

    Raises:
        UsageError: The picture is too large.
    """
    for tool in _PASTE:
        path = tool.path(environ)
        if path is None:
            continue
        hexadecimal = tool.command[0] == "osascript"
        most = 2 * MOST_BYTES + 64 if hexadecimal else MOST_BYTES
        data = take([path, *tool.command[1:]], most, environ, seconds)
        if hexadecimal and len(data) <= most:
            data = _from_hex(data)
        if image_kind(data) is not None or len(data) > most:
            return image_from_bytes(data, _PICTURE_NAME)
    return None


def _from_hex(output: bytes) -> bytes:
    _, found, rest = output.partition(_HEX_START)
    try:
        return bytes.fromhex(rest.split(b"\xc2\xbb")[0].strip().decode("ascii")) if found else b""
    except ValueError:
        return b""

"""Commands that put something into the next question: pictures and files."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sgl.errors import UsageError

from ...files import read_small_text
from ...images import image_from_uri, read_image
from ...text.oneline import one_line
from ..desk import Desk
from ..notices import tell
from ..picture_input import add_picture, picture_from_clipboard, picture_from_url
from .command import Command
from .complete import paths

MOST_BYTES: Final = 256 << 10
"""Largest file that is quoted: it stands in the composer, where it can be cut."""

_CLIPBOARD: Final = "clipboard"


async def _image(screen: Desk, text: str) -> None:
    if text == _CLIPBOARD:
        picture_from_clipboard(screen)
    elif text.startswith(("http://", "https://")):
        picture_from_url(screen, text)
    elif text.lower().startswith("data:"):
        add_picture(screen, await asyncio.to_thread(image_from_uri, text))
    else:
        for name in _names(text):
            add_picture(screen, await asyncio.to_thread(read_image, Path(name).expanduser()))


async def _file(screen: Desk, text: str) -> None:
    quoted = [await asyncio.to_thread(_quote, name) for name in _names(text)]
    screen.composer.put("\n\n".join([*quoted, ""]))
    screen.composer.focus()
    tell(screen, "the file is in the question: say below it what to do with it")


def _quote(name: str) -> str:
    """A file as Markdown: its name, and a fence that nothing in it can close."""
    text = read_small_text(Path(name), most_bytes=MOST_BYTES).expandtabs(4)
    longest, run = 0, 0
    for letter in text:
        run = run + 1 if letter == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    # The word in front: a question that began with a path would look like a command.
    return f"File {one_line(name)}:\n{fence}\n{text.rstrip()}\n{fence}"


def _names(text: str) -> Sequence[str]:
    """The paths in a text: one that is there as it stands, else its words; quotes hold words together."""
    if Path(text).expanduser().exists():
        return [text]
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError("a quote is open in the path", hint='put paths with blanks in "quotes"') from error


COMMANDS: Final = (
    Command(
        "/image",
        "/image PATH|URL|clipboard",
        "Put a picture into the question.",
        _image,
        paths((_CLIPBOARD, "the picture that was copied")),
    ),
    Command("/file", "/file PATH ...", "Put text files into the question.", _file, paths()),
)

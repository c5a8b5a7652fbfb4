"""The question of a one-shot chat: what was typed, what came through the pipe, files and pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sgl.errors import UsageError

from ..files import PICTURE_HINT, decoded, read_text
from ..images import image_from_bytes, read_image
from ..store.chat_store import ChatStore
from ..store.parts import Image, Part, Text
from ..text.oneline import one_line

PIPE: Final = "-"
"""What stands for standard input among files."""


@dataclass(frozen=True)
class Question:
    """What was given to ask.

    Attributes:
        prompt: ``-p``; None when not given.
        files: ``-f``, to be quoted.
        pictures: ``-a``.
    """

    prompt: str | None = None
    files: Sequence[str] = ()
    pictures: Sequence[str] = ()

    def parts(self, piped: bytes | None, store: ChatStore) -> tuple[Part, ...]:
        """The message: the prompt, a blank line, the files, what was piped; pictures first.

        Args:
            piped: All of standard input; None when it is a terminal.
            store: Takes the bytes of pictures.

        Raises:
            UsageError: A file cannot be read or is not text, a picture is none, or nothing is asked.
        """
        taken = PIPE in self.files or PIPE in self.pictures
        if taken and piped is None:
            raise UsageError("'-' stands for standard input, which is a terminal here", hint="pipe something in")
        texts = [self.prompt] if self.prompt else []
        texts += [_quoted(name, piped) for name in self.files]
        if piped and not taken:
            text = decoded(piped, "standard input", hint=PICTURE_HINT).strip("\n")
            texts += [text] if text.strip() else []
        if not any(text.strip() for text in texts):
            raise UsageError("there is nothing to ask", hint="sgl chat -p 'QUESTION', or pipe one in")
        return (*(self._picture(name, piped, store) for name in self.pictures), Text("\n\n".join(texts)))

    def _picture(self, name: str, piped: bytes | None, store: ChatStore) -> Image:
        picture = image_from_bytes(piped or b"") if name == PIPE else read_image(Path(name).expanduser())
        key = store.attachments.put(picture.data, picture.mime)
        return Image(picture.mime, key, name=picture.name)


def read_pipe() -> bytes | None:
    """All of standard input; None when it is a terminal."""
    return None if sys.stdin.isatty() else sys.stdin.buffer.read()


def _quoted(name: str, piped: bytes | None) -> str:
    """A file as Markdown: its name, and a fence that nothing in it can close."""
    text = decoded(piped or b"", "standard input", hint=PICTURE_HINT) if name == PIPE else read_text(Path(name))
    title = "standard input" if name == PIPE else one_line(name)
    longest, run = 0, 0
    for letter in text:
        run = run + 1 if letter == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    body = text if text.endswith("\n") or not text else text + "\n"
    return f"{title}:\n{fence}\n{body}{fence}"

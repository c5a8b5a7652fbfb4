"""`PictureChip`: a picture of a message: its name and size, and itself where the terminal can show it."""

from __future__ import annotations

import importlib
import io
import sys
from contextlib import suppress
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from ...store.attachments import Attachment
from ...store.parts import Image
from ...text.oneline import fit, one_line
from .picture_size import picture_size

_LIBRARY: Final = "textual_image.widget"
_LONGEST_NAME: Final = 60
_UNITS: Final = ((1 << 20, "MB"), (1 << 10, "KB"))


class PictureChip(Vertical):
    """One line about a picture, and below it the picture, where the package textual-image is there.

    Attributes:
        part: The picture.
    """

    DEFAULT_CSS = "PictureChip { height: auto; }"

    class Wanted(Message):
        """The chip needs the bytes of its picture: whoever has them calls `show`."""

        def __init__(self, chip: PictureChip) -> None:
            super().__init__()
            self.chip = chip

    def __init__(self, part: Image) -> None:
        super().__init__(classes="message-picture")
        self.part = part
        self._label = Static(Content(chip_label(part)))

    def compose(self) -> ComposeResult:
        """The line."""
        yield self._label

    def on_mount(self) -> None:
        """Asks for the bytes; nobody here has those of a picture that the server fetches."""
        if self.part.sha256:
            self.post_message(self.Wanted(self))

    async def show(self, attachment: Attachment) -> None:
        """Shows what there is to show of the bytes."""
        self._label.update(Content(chip_label(self.part, attachment.data)))
        picture = inline_picture(attachment.data)
        if picture is not None:
            picture.add_class("picture-pixels")
            await self.mount(picture)


def chip_label(part: Image, data: bytes = b"") -> str:
    """Such as ``[picture cat.png 640x480 12 KB]``."""
    words = ["picture", fit(one_line(part.name or part.url), _LONGEST_NAME)]
    size = picture_size(data)
    if size is not None:
        words.append(f"{size[0]}x{size[1]}")
    if data:
        words.append(_bytes(len(data)))
    return f"[{' '.join(word for word in words if word)}]"


def load_pictures() -> None:
    """Imports the package that shows pictures, when it is installed.

    Its import asks the terminal what it can, so this comes before the screen is taken, and nothing imports it later.
    """
    with suppress(ImportError):
        importlib.import_module(_LIBRARY)


def inline_picture(data: bytes) -> Widget | None:
    """A widget with the picture; None without the package, and for what it cannot read."""
    library = sys.modules.get(_LIBRARY)
    if library is None:
        return None
    try:
        widget = library.Image(io.BytesIO(data))
    except Exception:  # Bytes of anyone, in the hands of a library for pictures: its name and size are shown anyway.
        return None
    return widget if isinstance(widget, Widget) else None


def _bytes(count: int) -> str:
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}" if count < 10 * unit else f"{count / unit:.0f} {name}"
    return f"{count} bytes"

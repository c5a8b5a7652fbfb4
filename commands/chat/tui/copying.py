"""Text onto the clipboard: by the terminal itself (OSC 52), and by the desktop's own program where there is one."""

from __future__ import annotations

from ..outside.clipboard import copy
from ..text.sanitize import sanitize
from .desk import Desk
from .notices import tell


def copy_text(screen: Desk, text: str) -> None:
    """Copies text, without what could drive a terminal, and tells how much and through what.

    Both ways are taken: over SSH only the terminal can reach the person's clipboard, and some terminals cannot.
    """
    clean = sanitize(text)
    if not clean:
        tell(screen, "there is nothing to copy here")
        return
    screen.app.copy_to_clipboard(clean)

    def copy_outside() -> None:  # In a thread: a clipboard may take seconds to answer.
        tool = copy(clean, screen.setup.environ)
        tell(screen, f"copied {_measure(clean)}{f' with {tool}' if tool else ''}")

    screen.run_worker(copy_outside, thread=True, exclusive=True, group="copy", exit_on_error=False)


def _measure(text: str) -> str:
    lines = text.removesuffix("\n").count("\n") + 1
    if lines > 1:
        return f"{lines} lines"
    return f"{len(text)} character{'s' if len(text) != 1 else ''}"

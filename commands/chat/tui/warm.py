"""`warm`: loads what the first answer needs, while nobody waits for it."""

from __future__ import annotations

import threading
from typing import Final

SOON: Final = 0.3
"""Seconds after the first frame."""

_MARKDOWN: Final = "# a\n\n- b\n\n| c |\n|---|\n| `d` |\n"


def warm() -> None:
    """Renders a little Markdown and code: loading Rich's Markdown and Pygments takes 0.2 s, and would halt a stream."""
    from textual.highlight import highlight

    from .message.render_markdown import render_markdown

    render_markdown(_MARKDOWN, 40, {})
    highlight("e = 1\n", language="python")


def warm_aside() -> None:
    """The same in a thread: keys come between."""
    threading.Thread(target=warm, name="sgl-chat-warm", daemon=True).start()

"""What the chat tells in a corner of the screen: plain text, from the screen's thread or from any other."""

from __future__ import annotations

from typing import Literal

from textual.widget import Widget

from sgl.errors import SglError

from ..text.sanitize import sanitize

Severity = Literal["information", "warning", "error"]


def tell(widget: Widget, words: str, severity: Severity = "information", seconds: float | None = None) -> None:
    """Shows words for a while. What stands in them is shown as it is: nothing is markup.

    Args:
        widget: Any widget of the app.
        words: What to say.
        severity: How bad it is.
        seconds: How long; the app's usual time by default.
    """
    widget.app.notify(sanitize(words), severity=severity, timeout=seconds, markup=False)


def tell_error(widget: Widget, error: SglError) -> None:
    """Shows what went wrong, and what to do."""
    tell(widget, f"{error.message}\n{error.hint}" if error.hint else error.message, "error")

"""The composer's text in the person's own editor."""

from __future__ import annotations

from textual.app import SuspendNotSupported

from sgl.errors import SglError

from ..outside.editor import edit
from .desk import Desk
from .notices import tell, tell_error


def open_editor(screen: Desk) -> None:
    """Gives the terminal to the editor and waits; what was saved is the composer's text then.

    An answer goes on to come meanwhile: a thread reads it.
    """
    try:
        with screen.app.suspend():
            text = edit(screen.composer.text, screen.setup.environ)
    except SuspendNotSupported:
        tell(screen, "this terminal cannot be lent to an editor", "warning")
    except SglError as error:
        tell_error(screen, error)
    else:
        screen.composer.put(text)
        screen.composer.focus()

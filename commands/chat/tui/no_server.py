"""What the screen does while a pane has no server: shows why, offers models to start, and looks again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sgl.errors import SglError

from ..client.find import NobodyRuns
from ..client.launch import StartFailed
from .composer import Composer
from .link import Link
from .notices import tell, tell_error
from .pane.error_card import ErrorCard
from .pane.model_picker import ModelPicker
from .pane.pane import ChatPane
from .pane.start_card import StartCard


async def show_failure(pane: ChatPane, error: Exception, composer: Composer, environ: Mapping[str, str]) -> None:
    """There is no server for a pane: shows the error, or the models that one could be started for.

    Args:
        pane: Which.
        error: Why.
        composer: The models take the focus from it only while nothing is typed there.
        environ: Environment variables.
    """
    cards = pane.query(StartCard)
    if isinstance(error, StartFailed) and cards:
        cards.first().fail()  # It stays: how far the start had come tells much.
    else:
        await cards.remove()
    if pane.session is not None and isinstance(error, SglError):  # Another one was wished for: the chat goes on here.
        tell_error(pane, error)
        return
    if not isinstance(error, NobodyRuns):
        await pane.show_error(error)
        return
    await clear(pane)
    picker = ModelPicker(environ)
    await pane.mount(picker, after=pane.transcript)
    if not composer.text and composer.has_focus:
        picker.take_focus()


async def clear(pane: ChatPane) -> None:
    """Takes everything away that said that there is no server."""
    for widget in [*pane.query(ModelPicker), *pane.query(StartCard), *pane.query(ErrorCard)]:
        await widget.remove()


def look_again(links: Iterable[tuple[ChatPane, Link]]) -> None:
    """Something was asked: where nobody can answer it, a server is looked for, or a model is to be chosen.

    Args:
        links: Each pane with the way to its server.
    """
    for pane, link in links:
        if pane.session is not None:
            continue
        pickers = pane.query(ModelPicker)
        if pickers:
            tell(pane, "your question waits; choose a model to answer it")
            pickers.first().take_focus()
        elif not link.busy and link.connected is None:  # Else its message is only not here yet.
            link.connect()

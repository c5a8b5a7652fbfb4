"""`ServerWatch`: a thread that looks at a server every second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sgl.errors import SglError

from ...client.about import About, Inspector
from ...client.load import Load
from ...text.oneline import one_line

if TYPE_CHECKING:
    from ...client.http import ChatClient

EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Look:
    """What a look at a server has shown.

    Attributes:
        about: Who it is; None while it has not said.
        load: How busy it is; None when it does not tell.
        error: Why it could not be looked at; empty when it could.
    """

    about: About | None = None
    load: Load | None = None
    error: str = ""


class ServerWatch:
    """Looks until it is stopped; a look that fails is one more look."""

    def __init__(
        self, client: ChatClient, model: str, report: Callable[[Look], object], every_seconds: float = EVERY_SECONDS
    ) -> None:
        """
        Args:
            client: Asks the server.
            model: Whose context is meant.
            report: Gets each look, in the thread.
            every_seconds: Time between two looks.
        """
        self._inspector = Inspector(client)
        self._model = model
        self._report = report
        self._every = every_seconds
        self._stopped = threading.Event()
        # Of its own, and a daemon: a server that is silent must not hold up the end of the chat.
        self._thread = threading.Thread(target=self._run, name="sgl-chat-server", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the look that is under way; nothing is reported any more."""
        self._stopped.set()

    def _run(self) -> None:
        about: About | None = None
        while not self._stopped.is_set():
            load, error = None, ""
            try:
                about = about or self._inspector.about(self._model)
                load = self._inspector.load()
            except SglError as failure:
                error, about = one_line(failure.message), None  # Who answers next may be another one.
            except Exception as failure:  # A thread has nobody else to tell.
                error = one_line(f"{type(failure).__name__}: {failure}")
            if not self._stopped.is_set():
                self._report(Look(about, load, error))
            self._stopped.wait(self._every)

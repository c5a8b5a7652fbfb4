"""`Link`: the way from one pane to its server, walked by a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from textual.message import Message
from textual.widget import Widget

from ..client.about import About, Inspector
from ..client.connector import Cancelled, Connected, Connector
from ..client.progress import Progress

CLOSE_SECONDS: Final = 5.0
"""How long the end waits for a thread that was told to stop."""


class Link:
    """Connects in a thread and posts what happens to a widget.

    Attributes:
        connector: Finds or starts the server.
        connected: The server; None before.
    """

    class Progressed(Message):
        """It is a step further."""

        def __init__(self, link: Link, progress: Progress) -> None:
            super().__init__()
            self.link = link
            self.progress = progress

    class Ready(Message):
        """The server is there."""

        def __init__(self, link: Link, connected: Connected) -> None:
            super().__init__()
            self.link = link
            self.connected = connected

    class Described(Message):
        """The server has said what it is."""

        def __init__(self, link: Link, about: About) -> None:
            super().__init__()
            self.link = link
            self.about = about

    class Failed(Message):
        """There is none."""

        def __init__(self, link: Link, error: Exception) -> None:
            super().__init__()
            self.link = link
            self.error = error

    def __init__(self, target: Widget, connector: Connector) -> None:
        """
        Args:
            target: Gets the messages.
            connector: Finds or starts the server.
        """
        self.connector = connector
        self.connected: Connected | None = None
        self._target = target
        self._before: list[Connector] = []  # They hold on to servers that one may go back to.
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether it is under way."""
        return self._thread is not None and self._thread.is_alive()

    def connect(self) -> None:
        """Looks for a server, as the person wished."""
        self._begin(self.connector.connect)

    def start(self, model: str) -> None:
        """Starts a server for a model."""
        self._begin(lambda report: self.connector.start(model, report))

    def connect_to(self, connector: Connector) -> None:
        """Looks for another server in place of the one that was found; until it is there, that one stays."""
        self._before.append(self.connector)
        self.connector = connector
        self.connect()

    def close(self) -> None:
        """Ends what goes on, and stops a server that was started here."""
        connectors = [*self._before, self.connector]
        if self._thread is not None and self._thread.is_alive():
            for connector in connectors:
                connector.cancel()
            self._thread.join(CLOSE_SECONDS)
        for connector in connectors:
            connector.close()

    def _begin(self, work: Callable[[Callable[[Progress], None]], Connected]) -> None:
        self._thread = threading.Thread(target=self._run, args=(work,), name="sgl-chat-link", daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[Callable[[Progress], None]], Connected]) -> None:
        try:
            self.connected = work(lambda progress: self._post(self.Progressed(self, progress)))
            self._post(self.Ready(self, self.connected))
            self._post(self.Described(self, Inspector(self.connected.client).about()))
        except Cancelled:
            return
        except Exception as error:  # A thread has nobody else to tell: the screen shows it.
            self._post(self.Failed(self, error))

    def _post(self, message: Message) -> None:
        self._target.post_message(message)  # From any thread; False when the screen is gone already.

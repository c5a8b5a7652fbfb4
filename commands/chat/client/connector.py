"""`Connector`: from what a person said to a client, in a thread that can be told to give up.

It sets no signal handlers and writes to no stream of this process, so it may run beside a full-screen display.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from sgl.runs.child_log import complaint
from sgl.runs.registry import servers
from sgl.runs.server import Server
from sgl.runs.stop import patience, stop

from .endpoint import Endpoint
from .failures import NoServer, NotAnApi, Refused
from .find import (
    StillStarting,
    model_to_ask_for,
    named_endpoint,
    nobody,
    record_of,
    registered_endpoint,
    running_endpoint,
)
from .guard import Guard
from .launch import COMMAND, Start
from .progress import Looking, Progress, Starting, Waiting
from .wish import Wish

if TYPE_CHECKING:
    from .http import ChatClient

LOOK_SECONDS: Final = 0.1
"""How often a server that starts is looked at, and reported."""

HERE: Final = "the servers of this machine"
_ERROR: Final = "error: "

Report = Callable[[Progress], None]
Result = TypeVar("Result")


class Cancelled(Exception):
    """`Connector.cancel` was called."""


@dataclass(frozen=True)
class Connected:
    """Somebody to talk to.

    Attributes:
        client: Asks the server; the connector closes it.
        model: The name for requests.
        models: All names that the server has; empty when it does not say.
        started_here: Whether the connector has started the server.
        server: Its record; None when it is not one of this machine's.
    """

    client: ChatClient
    model: str
    models: tuple[str, ...]
    started_here: bool = False
    server: Server | None = None


class Connector:
    """Finds a server, or starts one, and holds on to it until `close`.

    One thread at a time connects; `cancel` and `close` may be called from any other. It has no state outside of
    itself: several stand side by side.
    """

    def __init__(
        self,
        wish: Wish,
        environ: Mapping[str, str] = os.environ,
        *,
        patient: bool = True,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Does nothing yet.

        Args:
            wish: What a person said.
            environ: Environment variables.
            patient: Whether a server that somebody else is starting is waited for, instead of an error.
            command: What starts ``sgl serve``; tests put another one here.
        """
        self._wish = wish
        self._environ = environ
        self._patient = patient
        self._command = command
        self._cancelled = threading.Event()
        self._busy = threading.Lock()
        self._held = ExitStack()

    def connect(self, report: Report) -> Connected:
        """Finds a server, or starts one.

        In this order: ``--url``, ``SGL_URL``, ``OPENAI_BASE_URL``, a server of `sgl ps`, one on a usual port; for a
        model that none of the servers here has, one is started.

        Args:
            report: Told how far it is, ten times a second where that takes long; in the calling thread.

        Raises:
            NobodyRuns: There is no server, and no model was named.
            ChatError: There is no server, it cannot be reached, or it did not start (`StartFailed`).
            UsageError: An address is none, or the server leaves it open which model is meant.
            StartupError: The registry of servers is not this user's alone.
            Cancelled: See `cancel`.
        """
        with self._busy:
            self._check()
            wish = self._wish
            endpoint = named_endpoint(wish.url, wish.key, self._environ)
            if endpoint is not None:
                report(Looking(endpoint.url))
                return self._attach(endpoint)
            report(Looking(HERE))
            try:
                endpoint = self._patiently(lambda: running_endpoint(wish.model, wish.key, self._environ))
            except StillStarting as found:
                if not self._patient:
                    raise
                server = self._wait(found.server, report)
                endpoint = registered_endpoint(server, wish.key, self._environ)
            if endpoint is not None:
                return self._attach(endpoint)
            if wish.model is None:
                raise nobody()
            return self._start(wish.model, report)

    def start(self, model: str, report: Report) -> Connected:
        """Starts a server for ``model``, whoever else serves it.

        Args:
            model: As ``sgl serve -m`` takes it.
            report: As of `connect`.

        Raises:
            StartFailed: It did not get ready; the message is the server's own.
            StartupError: The registry of servers is not this user's alone.
            Cancelled: See `cancel`.
        """
        with self._busy:
            self._check()
            return self._start(model, report)

    def cancel(self) -> None:
        """Makes `connect` and `start` give up, now and in future: a connector that was cancelled is of no more use.

        They end when nothing is left of a server that was being started.
        """
        self._cancelled.set()

    def close(self) -> None:
        """Closes the client, and stops the server that was started here unless it is to be kept.

        Returns when the server is gone. What is under way is cancelled first. Harmless when called twice.
        """
        self.cancel()
        with self._busy:
            self._held.close()

    def _start(self, model: str, report: Report) -> Connected:
        report(Starting(model))
        with ExitStack() as own:
            with Start(model, self._environ, self._command) as start:
                guarded = self._wish.keep  # One that is to be kept outlives us, however we end.
                while not start.is_over:
                    self._check()
                    server = start.server()
                    report(start.progress(server))
                    if server is not None and not guarded:
                        own.callback(Guard(server, self._environ).release)
                        guarded = True
                    self._cancelled.wait(LOOK_SECONDS)
                ready = start.result()
                self._check()
                if not guarded:
                    own.callback(Guard(ready, self._environ).release)
                if not self._wish.keep:
                    own.callback(self._stop, ready)
            from .http import ChatClient  # Imports httpx, which a screen without a server does not need.

            client = own.enter_context(ChatClient(registered_endpoint(ready, self._wish.key, self._environ)))
            self._held.enter_context(own.pop_all())
        return Connected(client, ready.model, ready.models, started_here=True, server=ready)

    def _stop(self, server: Server) -> None:
        stop(server, timeout=patience(server), environ=self._environ)

    def _wait(self, server: Server, report: Report) -> Server:
        """Waits until a server that somebody else is starting is ready."""
        while server.state == "starting":
            self._check()
            report(Waiting.of(server))
            self._cancelled.wait(LOOK_SECONDS)
            found = [each for each in servers(self._environ) if (each.id, each.pid) == (server.id, server.pid)]
            if not found:
                raise _ended(server)
            server = found[0]
        if server.state != "ready":
            raise _ended(server)
        return server

    def _attach(self, endpoint: Endpoint) -> Connected:
        """Makes a client, and asks the server what it has."""
        from .http import ChatClient

        wish, client = self._wish, ChatClient(endpoint)
        models = self._patiently(lambda: _models(client, wish.model), client.close)
        self._held.callback(client.close)
        server = record_of(endpoint, self._environ)
        if server is not None and wish.model in (server.id, server.model_path):
            return Connected(client, server.model, models, server=server)  # Requests do not know these names.
        return Connected(client, model_to_ask_for(wish.model, models, endpoint.url), models, server=server)

    def _patiently(self, call: Callable[[], Result], abandon: Callable[[], None] = lambda: None) -> Result:
        """Runs what may take seconds, and does not wait for its end when all is cancelled.

        Args:
            call: Runs in a thread of its own.
            abandon: Called when it has ended badly, or has ended after nobody waited any more.
        """
        outcome: Future[Result] = Future()

        def work() -> None:
            try:
                outcome.set_result(call())
            except BaseException as error:
                outcome.set_exception(error)

        threading.Thread(target=work, name="chat-connect", daemon=True).start()
        try:
            while not wait([outcome], LOOK_SECONDS).done:
                self._check()
            return outcome.result()
        except BaseException:
            outcome.add_done_callback(lambda _: abandon())
            raise

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled


def _models(client: ChatClient, model: str | None) -> tuple[str, ...]:
    """What the server has; an endpoint without a list is asked for the model as it was typed."""
    try:
        return client.models()
    except Refused as error:
        if model is None or error.status not in (404, 405, 501):
            raise
    except NotAnApi:
        if model is None:  # Else the name is known, and the chat may work without a list.
            raise
    return ()


def _ended(server: Server) -> NoServer:
    """The error for a server of somebody else's that did not get ready."""
    try:
        lines = [] if server.log is None else complaint(Path(server.log))
    except OSError:  # A start that is cancelled takes its log away.
        lines = []
    reason = f": {lines[0].removeprefix(_ERROR)}" if lines else ""
    hint = None if server.log is None else f"all that it wrote: {server.log}"
    return NoServer(f"server {server.id} has ended before it was ready{reason}", hint=hint)

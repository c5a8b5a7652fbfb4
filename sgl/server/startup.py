"""`Startup`: who hears of a server's start: the person at the terminal or the log, and the registry."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final

from sgl.protocol.messages import Phase
from sgl.runs.checklist import Checklist
from sgl.runs.history import remember
from sgl.runs.phase import PhaseLog
from sgl.runs.plain import PlainLines
from sgl.runs.registry import Registration
from sgl.server.relay import Relay
from sgl.terminal import Terminal

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.1
RECORD_SECONDS: Final = 0.25
"""How often the registry hears of a step that goes on."""

ENGINE: Final = "engine"
"""The step before the engine process says its first word: its Python and its libraries."""


class Startup:
    """Passes on every `Phase` of a start. While its context is open on a terminal, that shows a checklist.

    Attributes:
        registration: The server's entry in the registry.
        engine_output: Descriptor for the engine's log; None leaves it to standard error.
    """

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self.engine_output: int | None = None
        self._began = time.monotonic()
        self._phases = PhaseLog()
        self._checklist: Checklist | None = None
        self._plain = PlainLines(logger.info)
        self._closing = contextlib.ExitStack()
        self._recorded = 0.0
        self._silent_since: float | None = None

    def __enter__(self) -> Startup:
        terminal = Terminal(sys.stderr)
        if terminal.interactive:
            self._checklist = Checklist(sys.stderr, terminal)
            self._closing.enter_context(contextlib.redirect_stderr(self._checklist.stream))
            relay = self._closing.enter_context(Relay(self._checklist.stream))
            self.engine_output = relay.descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._checklist is not None:
            self._checklist.fail()
        self._closing.close()

    @property
    def seconds(self) -> float:
        """Time since the start began."""
        return time.monotonic() - self._began

    def begin(self) -> None:
        """The engine process is about to be started."""
        self._silent_since = time.monotonic()
        self._phases.note(ENGINE)
        self._show(urgent=True)

    def note(self, phase: Phase) -> None:
        """Takes news from the engine."""
        if self._silent_since is not None:
            self._phases.note(ENGINE, seconds=time.monotonic() - self._silent_since)
            self._silent_since = None
        known = {record.name for record in self._phases.records}
        self._phases.note(phase.name, phase.detail, phase.seconds, phase.done, phase.total)
        self._show(urgent=phase.seconds is not None or phase.name not in known)

    def ready(self, card: str) -> None:
        """The server takes requests: the checklist gives way to the ready card."""
        if self._checklist is not None:
            self._checklist.erase()
        print(card, file=sys.stderr, flush=True)
        self.registration.update(state="ready", ready=time.time())
        if self.registration.listed:
            remember(self.registration.server.model_path, self.seconds, os.environ)

    @contextlib.asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Keeps times and rates on the screen moving."""
        ticks = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticks.cancel()
            await asyncio.wait([ticks])

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._show(urgent=False)

    def _show(self, urgent: bool) -> None:
        records = self._phases.records
        if self._checklist is None:
            self._plain.show(records)
        else:
            self._checklist.show(records, self.registration.server.ready_at)
        now = time.monotonic()
        if urgent or now - self._recorded >= RECORD_SECONDS:
            self._recorded = now
            self.registration.update(phases=records)

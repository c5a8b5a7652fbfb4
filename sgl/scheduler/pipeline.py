"""`Pipeline`: the steps in flight, oldest first.

They are launched, computed and waited for in one order. While a step is in flight the pages it uses stay behind
the cache's fence, and its requests count as launched and drawing; both are done here and nowhere else, so that
a step that raised is undone in one place.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass

from sgl.batch.batch import Batch, StepResult
from sgl.engine.runner import Launched, Runner
from sgl.kvcache.cache import PrefixCache

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Flight:
    """One step in flight, and its number at the cache's fence."""

    batch: Batch
    launched: Launched
    fence: int


class NeverLaunched:
    """A step whose launch raised. It says so when it is waited for: in its turn, after the steps before it."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def wait(self) -> StepResult:
        """Raises what the launch raised, and lets go of it: its traceback may hold the memory that a retry needs."""
        try:
            raise self._error
        finally:
            del self._error


class Pipeline:
    """Launches steps and waits for them.

    Invariant: without a step in flight every running request has ``launched == computed`` and ``drawing == 0``,
    once the results that `wait` gave are applied.
    """

    def __init__(self, runner: Runner, cache: PrefixCache) -> None:
        self._runner = runner
        self._cache = cache
        self._flights: deque[Flight] = deque()

    @property
    def depth(self) -> int:
        """Steps in flight."""
        return len(self._flights)

    @property
    def oldest(self) -> Batch:
        """What `wait` waits for."""
        return self._flights[0].batch

    def launch(self, batch: Batch) -> bool:
        """Starts a step behind those in flight; False when that raised, which is what `wait` will raise for it."""
        fence = self._cache.begin_step()
        launched: Launched
        try:
            launched = self._runner.launch(batch)
        except Exception as error:
            launched = NeverLaunched(error)
        for entry in batch.entries:
            entry.request.launch(entry.stop - len(entry.drafts), draws=entry.draws)
        self._flights.append(Flight(batch, launched, fence))
        return not isinstance(launched, NeverLaunched)

    def wait(self) -> StepResult:
        """Blocks until the oldest step is done. Its results are to be applied before the next plan.

        Raises:
            Exception: What the step raised. Then the steps behind it, which may have read what it should have
                written, are over as well and none is in flight; their requests are back at what is computed.
        """
        flight = self._flights.popleft()
        try:
            result = flight.launched.wait()
        except Exception:
            self._cache.retire(flight.fence)
            self._drop_all()
            _rewind(flight.batch)
            raise
        self._cache.retire(flight.fence)
        for entry in flight.batch.entries:
            if entry.live:
                entry.request.land(draws=entry.draws)
        return result

    def _drop_all(self) -> None:
        """Waits until the device has left every page, whatever comes of it."""
        while self._flights:
            flight = self._flights.popleft()
            try:
                flight.launched.wait()
            except Exception:
                log.warning("a step of %d requests behind it failed, too", len(flight.batch.entries), exc_info=True)
            self._cache.retire(flight.fence)
            _rewind(flight.batch)


def _rewind(batch: Batch) -> None:
    for entry in batch.entries:
        if entry.live:
            entry.request.rewind(entry.request.computed)

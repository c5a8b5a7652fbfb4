"""`KvWatch`: a server's metrics around a run, and the fullest that its KV cache was meanwhile."""

from __future__ import annotations

import asyncio
from typing import Final

from ..target.metrics import kv_usage, read_metrics
from ..target.target import Target
from ..wire.page import fetch
from ..wire.wire import Wire

EVERY_SECONDS: Final = 1.0


class KvWatch:
    """One run's.

    Attributes:
        peak: The largest share that was seen; None when the server does not say.
    """

    def __init__(self, target: Target, wire: Wire) -> None:
        self.peak: float | None = None
        self._wire = wire
        self._request = target.address.request("GET", f"{target.prefix}/metrics")

    async def scrape(self) -> dict[str, float]:
        """All numbers; empty when the server has none."""
        text = await self._text()
        self._note(text)
        return read_metrics(text)

    async def run(self) -> None:
        """Looks once a second until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self._note(await self._text())

    async def _text(self) -> str:
        page = await fetch(self._wire, self._request)
        return page.text if page.status == 200 else ""

    def _note(self, text: str) -> None:
        usage = kv_usage(text)
        if usage is not None:
            self.peak = usage if self.peak is None else max(self.peak, usage)

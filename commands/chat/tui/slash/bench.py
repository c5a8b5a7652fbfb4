"""``/bench``: how fast the server answers a few requests."""

from __future__ import annotations

import asyncio
from typing import Final

from ...client.stop import Stop
from ...quick_bench import QuickBench, quick_bench
from ...text.oneline import one_line
from ..copying import copy_text
from ..desk import Desk
from ..notices import tell
from ..panels.columns_text import ColumnsText, Rows
from ..panels.text_screen import TextScreen
from .command import Command
from .settings import session_of

REQUESTS: Final = 10


async def _bench(screen: Desk, text: str) -> None:
    pane = screen.pane
    session = session_of(pane)
    stop = Stop()

    def report(done: int) -> None:  # Comes from the thread that measures.
        pane.call_later(pane.status.show_state, _progress(done))

    screen.stoppable = stop.set
    pane.status.show_state(_progress(0))
    try:
        measured = await asyncio.to_thread(
            quick_bench, session.client, session.model, requests=REQUESTS, stop=stop, report=report
        )
    finally:
        stop.set()  # The chat may be ending: the thread must not go on.
        screen.stoppable = None
        pane.call_later(pane.status.show_state, "")
    if not measured.requests:
        tell(screen, "stopped before anything was measured")
        return
    body = ColumnsText([Rows(one_line(f"{session.model} at {session.client.endpoint.url}"), rows_of(measured))])
    screen.app.push_screen(TextScreen("Quick bench", body, lambda copied: copy_text(screen, copied)))


def rows_of(measured: QuickBench) -> list[tuple[str, str]]:
    """What was measured, with words that explain it."""
    about = "~" if measured.estimated else ""
    failed = f", {measured.failed} failed" if measured.failed else ""
    rows = [("requests", f"{measured.requests} of {REQUESTS}, one after the other{failed}")]
    if measured.ttft_p50_ms is not None:
        rows.append(("TTFT", f"{measured.ttft_p50_ms:.0f} ms median: time to the first token"))
    if measured.ttft_max_ms is not None:
        rows.append(("", f"{measured.ttft_max_ms:.0f} ms at most"))
    if measured.tokens_per_second is not None:
        rows.append(("speed", f"{about}{measured.tokens_per_second:.1f} tok/s median of one answer"))
    rows.append(("in all", f"{measured.seconds:.1f} s"))
    return [*rows, ("", "sgl bench measures many requests at once")]


def _progress(done: int) -> str:
    return f"measuring: {done} of {REQUESTS} requests; Esc stops"


COMMANDS: Final = (Command("/bench", "/bench", "Measure this server with 10 short requests.", _bench, waits=True),)

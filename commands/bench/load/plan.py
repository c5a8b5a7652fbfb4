"""`LoadPlan`: how much load, how long, by whom."""

from __future__ import annotations

from dataclasses import dataclass, field

from sgl.errors import UsageError

from ..wire.wire import Limits
from .arrivals import Arrivals


@dataclass(frozen=True)
class LoadPlan:
    """One load.

    Attributes:
        concurrency: Requests at a time. In an open loop the most of them, or None without a bound.
        arrivals: When requests arrive; None for a closed loop, where each answer makes room for the next request.
        requests: How many are sent; None until `duration` or the prompts end.
        duration: Seconds in which requests are sent; the answers to the last are waited for.
        limits: How long to wait for a server.
        workers: Processes that send.
        flush: Whether the server's prefix cache is emptied after the warm-up.
        scrape: Whether the server's metrics are read before, while and after.
        reuse: Whether a connection carries more than one request.
    """

    concurrency: int | None = None
    arrivals: Arrivals | None = None
    requests: int | None = None
    duration: float | None = None
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    flush: bool = False
    scrape: bool = True
    reuse: bool = True

    def __post_init__(self) -> None:
        """Refuses what cannot be run."""
        if self.concurrency is not None and self.concurrency < 1:
            raise UsageError("at least one request must be allowed at a time", hint="such as --concurrency 64")
        if self.concurrency is None and self.arrivals is None:
            raise UsageError("neither a concurrency nor a rate is given", hint="such as --concurrency 64 or --rate 8")
        if self.requests is not None and self.requests < 1:
            raise UsageError("a run needs at least one request")
        if self.duration is not None and self.duration <= 0:
            raise UsageError("a run takes some seconds")
        if self.workers < 1:
            raise UsageError("at least one process must send", hint="such as --workers 4")


def closed(concurrency: int, requests: int | None = None, duration: float | None = None) -> LoadPlan:
    """A closed loop: always ``concurrency`` requests under way."""
    return LoadPlan(concurrency=concurrency, requests=requests, duration=duration)


def opened(arrivals: Arrivals, requests: int | None = None, duration: float | None = None) -> LoadPlan:
    """An open loop: requests are sent when they arrive, however many are under way."""
    return LoadPlan(arrivals=arrivals, requests=requests, duration=duration)

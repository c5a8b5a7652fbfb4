"""`BenchPlan`: everything that was asked for, checked, before a server is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from ..data.wish import DataWish

Api: TypeAlias = Literal["auto", "chat", "completions", "generate"]
"""``auto`` takes completions with token ids where prompts are made, and chat where they are messages."""

APIS: Final[tuple[Api, ...]] = ("auto", "chat", "completions", "generate")

Arrival: TypeAlias = Literal["poisson", "constant", "trace"]
RampShape: TypeAlias = Literal["linear", "exponential"]

AT_ONCE: Final = float("inf")
"""A rate: everything is sent at time 0."""


@dataclass(frozen=True)
class TargetWish:
    """Which server, and what goes into every request.

    Attributes:
        url: Its address; None finds one as the chat does.
        model: What to ask for; it is served for this run when nobody serves it.
        api_key: The server's key; never shown and never stored.
        api: In which form to ask.
        path: A path instead of the API's own.
        headers: More headers.
        body: More fields of every request; sampling parameters are among them.
        ready_timeout: Longest wait for the server, in seconds.
        keep: Leave a server running that this run started.
    """

    url: str | None = None
    model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api: Api = "auto"
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    ready_timeout: float = 60.0
    keep: bool = False


@dataclass(frozen=True)
class Ramp:
    """A rate that rises from `start` to `end`, in requests per second, over the whole run."""

    start: float
    end: float
    shape: RampShape = "linear"


@dataclass(frozen=True)
class ErrorLimit:
    """How many requests may fail: `count` of them, or a `share` of all; one of the two is set."""

    count: int | None = None
    share: float | None = None

    def allows(self, failed: int, sent: int) -> bool:
        """Whether so many failures are few enough. When everything failed they never are."""
        if failed and failed >= sent:
            return False
        if self.count is not None:
            return failed <= self.count
        return failed <= (self.share or 0.0) * sent

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{100 * (self.share or 0.0):g}%"


DEFAULT_ERRORS: Final = ErrorLimit(share=0.01)


@dataclass(frozen=True)
class LoadWish:
    """How requests are sent; each number of `concurrency` or `rates` is a run of its own.

    Attributes:
        concurrency: Requests at a time of each closed-loop run; empty in an open loop.
        rates: Requests per second of each open-loop run, `AT_ONCE` among them; empty in a closed loop.
        arrival: How an open loop spaces requests.
        burstiness: Of ``poisson``: 1 is Poisson, less comes in bursts, more is steadier (gamma distributed gaps).
        ramp: A rising rate instead of `rates`.
        bound: Most requests at a time of an open loop; None without a bound.
        num_prompts: Requests of each run; None when `duration` ends it, or `default_prompts` decides.
        duration: Seconds for which requests are sent, of each run; None when a number ends it.
        sweep: Raise concurrency (or the rate) until the server is saturated.
        warmup: Requests before each run that do not count; None is as many as run at a time, at most 8.
        flush_cache: Empty the server's prefix cache before each run.
        workers: Client processes.
        timeout: Longest time for one request, in seconds.
        max_errors: Failures that a run may have.
    """

    concurrency: tuple[int, ...] = (64,)
    rates: tuple[float, ...] = ()
    arrival: Arrival = "poisson"
    burstiness: float = 1.0
    ramp: Ramp | None = None
    bound: int | None = None
    num_prompts: int | None = None
    duration: float | None = None
    sweep: bool = False
    warmup: int | None = None
    flush_cache: bool = False
    workers: int = 1
    timeout: float = 600.0
    max_errors: ErrorLimit = DEFAULT_ERRORS

    @property
    def open(self) -> bool:
        """Whether requests are sent by the clock, not when an answer has come."""
        return bool(self.rates) or self.ramp is not None or self.arrival == "trace"

    def warmups(self, concurrency: int | None) -> int:
        """Warm-up requests of a run with so many requests at a time."""
        return min(8, concurrency or 8) if self.warmup is None else self.warmup


@dataclass(frozen=True)
class MeasureWish:
    """What the figures are held against; the words are read by ``metrics`` and ``compare``.

    Attributes:
        goodput: Objectives of single requests, such as ``ttft:200``.
        assertions: Rules for the figures, such as ``ttft.p99<200ms``.
        assert_file: A TOML file with more of them.
        versus: A second server, asked the same in turns.
    """

    goodput: tuple[str, ...] = ()
    assertions: tuple[str, ...] = ()
    assert_file: Path | None = None
    versus: str | None = None


@dataclass(frozen=True)
class OutputWish:
    """Where results go; ``-`` as a file is standard output.

    Attributes:
        save: The result as JSON; a folder takes a file with a name made of model, load and time.
        details: Keep every request in `save`.
        requests: Every request as a line of JSON.
        csv: A row for each run.
        markdown: Tables for a pull request.
        html: A report with plots.
        junit: Assertions as JUnit XML.
        as_json: Print the result as JSON instead of tables.
        name: What the result is called in comparisons.
        meta: Words to keep with the result.
        live: Whether a terminal shows the run as it goes.
        quiet: Print nothing but the result.
    """

    save: Path | None = None
    details: bool = False
    requests: Path | None = None
    csv: Path | None = None
    markdown: Path | None = None
    html: Path | None = None
    junit: Path | None = None
    as_json: bool = False
    name: str | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    live: bool = True
    quiet: bool = False


@dataclass(frozen=True)
class BenchPlan:
    """The whole command line of ``sgl bench``.

    Attributes:
        target: Which server.
        load: How requests are sent.
        data: Which prompts.
        ignore_eos: Go on past the end of an answer, to the length that was asked for.
        measure: What the figures are held against.
        output: Where results go.
    """

    target: TargetWish
    load: LoadWish
    data: DataWish
    ignore_eos: bool
    measure: MeasureWish
    output: OutputWish

    @property
    def one_pass(self) -> bool:
        """Whether a run ends with the file: nothing else was said, and the file is a person's own choice."""
        return self._open_ended and self.data.kind in ("jsonl", "stdin", "trace", "public-256")

    def prompts(self, concurrency: int | None) -> int | None:
        """Requests of a run with so many at a time; None when its duration or its file (`one_pass`) ends it.

        Without a number it is ten for each that runs at a time, and at least 100, enough for a steady state; of a
        shared prefix it is one whole round.
        """
        if not self._open_ended or self.one_pass:
            return self.load.num_prompts
        data = self.data
        if data.kind == "shared-prefix":
            return int(data.groups * data.per_group * data.turns.mean)
        return max(100, 10 * (concurrency or 10))

    @property
    def _open_ended(self) -> bool:
        return self.load.num_prompts is None and self.load.duration is None

"""What the client says about itself, and what it may not do to the figures."""

from __future__ import annotations

import asyncio
import resource
import time

import pytest

from sgl_cli.bench.load.health import LoopHealth, allow_files, client_health
from sgl_cli.bench.load.lag import Lag
from sgl_cli.bench.load.progress import RECENT, Counters, Recent
from sgl_cli.bench.record import Failure, Record


def health(*loops: LoopHealth, concurrency: int = 10, files: int = 0, records: tuple[Record, ...] = ()) -> list[str]:
    found = client_health(loops, seconds=2.0, concurrency=concurrency, files=files, records=records)
    return list(found.warnings)


def test_a_client_that_keeps_up_says_nothing() -> None:
    found = client_health(
        [LoopHealth(0.001, 0.004, 0.02, events=50)] * 2, seconds=2.0, concurrency=10, files=99, records=()
    )
    assert found.warnings == ()
    assert (found.lag_p50_ms, found.lag_p99_ms, found.lag_max_ms) == (1.0, 4.0, 20.0)
    assert (found.workers, found.chunks_per_second, found.open_files_limit) == (2, 50.0, 99)


def test_a_late_client_says_so_and_what_helps() -> None:
    (said,) = health(LoopHealth(lag_p99=0.0142))
    assert said.startswith("the client was late by 14 ms (p99): figures below that are the client's; use --workers 4")
    (said,) = health(LoopHealth(cpu_share=0.97))
    assert "97 % of a core" in said
    (said,) = health(LoopHealth(late_p99=0.05))
    assert "up to 50 ms after their time" in said


def test_limits_are_named() -> None:
    (said,) = health(LoopHealth(), concurrency=1000, files=256)
    assert "1000 requests at a time need more open files than the limit of 256" in said
    assert "ports of this machine" in health(LoopHealth(opened=10**6))[0]
    own = Record(0, 0.0, 0.0, failure=Failure("connect", 0, "this client may open no more files (ulimit -n)"))
    assert health(LoopHealth(), records=(own,)) == [
        "1 requests failed by a limit of this client, not of the server; see the errors"
    ]


def test_the_limit_of_files_is_raised_no_further_than_is_needed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 400:
        pytest.skip("the hard limit is too low for this test")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
        assert allow_files(10) == 200
        assert allow_files(300) == 364
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 364
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_blocked_loop_is_seen() -> None:
    async def block() -> float:
        lag = Lag(Counters())
        sampling = asyncio.ensure_future(lag.sample())
        await asyncio.sleep(0.03)
        time.sleep(0.1)
        await asyncio.sleep(0.03)
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        return max(lag.samples)

    assert asyncio.run(block()) > 0.08


def test_recent_values_are_the_last_ones() -> None:
    recent = Recent()
    for number in range(RECENT + 5):
        recent.add(number)
    values = recent.values()
    assert len(values) == RECENT
    assert min(values) == 5

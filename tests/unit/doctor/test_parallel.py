"""Jobs that fail, hang or are late."""

from __future__ import annotations

import threading

from sgl.doctor.parallel import Job, run_all


def fail() -> None:
    raise OSError("no such\ndevice")


def test_results_and_failures_by_name() -> None:
    told: list[list[str]] = []
    results, failures = run_all({"good": Job(lambda: 1, 5), "bad": Job(fail, 5)}, told.append)
    assert results == {"good": 1}
    assert failures == {"bad": "OSError: no such device"}
    assert told[0] == ["good", "bad"]


def test_a_job_that_hangs_does_not_hold_the_others() -> None:
    never = threading.Event()
    results, failures = run_all({"hangs": Job(never.wait, 0.2), "good": Job(lambda: 1, 5)}, lambda names: None)
    never.set()
    assert results == {"good": 1}
    assert failures == {"hangs": "it took more than 0 s"}

"""`run_all`: named jobs at once, each with its own time limit; what fails or hangs is an answer, too."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_TICK: Final = 0.1
"""Seconds between two calls of ``on_wait``."""


@dataclass(frozen=True)
class Job:
    """A function without arguments, and the seconds it may take."""

    function: Callable[[], Any]
    limit: float


def run_all(jobs: Mapping[str, Job], on_wait: Callable[[list[str]], None]) -> tuple[dict[str, Any], dict[str, str]]:
    """Runs every job in a thread of its own, in the order given.

    A thread that hangs, e.g. in a file system that does not answer, is left alone: it ends with the process.

    Args:
        on_wait: Told the names of unfinished jobs, some times a second, in the calling thread.

    Returns:
        (results, failures), each by the name of the job; a failure is described in one line.
    """
    finished: queue.SimpleQueue[tuple[str, Any, str]] = queue.SimpleQueue()
    start = time.monotonic()
    for name, job in jobs.items():
        threading.Thread(target=_run, args=(name, job.function, finished), name=f"doctor-{name}", daemon=True).start()
    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    waiting = dict(jobs)
    while waiting:
        on_wait(list(waiting))
        try:
            name, result, failure = finished.get(timeout=_TICK)
        except queue.Empty:
            passed = time.monotonic() - start
            for name in [name for name, job in waiting.items() if passed > job.limit]:
                failures[name] = f"it took more than {waiting.pop(name).limit:.0f} s"
            continue
        if name not in waiting:
            continue  # It came too late.
        del waiting[name]
        if failure:
            failures[name] = failure
        else:
            results[name] = result
    return results, failures


def _run(name: str, function: Callable[[], Any], finished: queue.SimpleQueue[tuple[str, Any, str]]) -> None:
    try:
        finished.put((name, function(), ""))
    except Exception as error:  # A probe that fails is a finding; the others go on.
        finished.put((name, None, " ".join(f"{type(error).__name__}: {error}".split())))

from __future__ import annotations

import pytest

from sgl.errors import QueueFull
from sgl.runtime import backlog
from sgl.runtime.backlog import Backlog


def test_running_and_waiting_places_are_counted() -> None:
    places = Backlog(running_limit=2, queue_limit=3)
    places.check(4)
    with pytest.raises(QueueFull, match=r"full \(3 waiting\)") as caught:
        places.check(5)
    assert caught.value.http_status == 503
    assert caught.value.retry_after == 1


def test_retry_after_follows_the_measured_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(backlog.time, "monotonic", lambda: now)
    places = Backlog(running_limit=2, queue_limit=3)
    for _ in range(10):
        places.ended()
        now += 2.0
    assert places.retry_after(3) == 6
    assert places.retry_after(0) == 1
    assert places.retry_after(10_000) == 60

"""The rate of generation."""

from __future__ import annotations

import pytest

from sgl.server.throughput import Throughput


def test_rate_is_that_of_the_last_burst_and_stays_when_idle() -> None:
    throughput = Throughput()
    assert throughput.rate == 0.0
    throughput.add(0.0, 1)
    assert throughput.rate == 0.0
    for step in range(1, 6):
        throughput.add(step * 0.1, 1)
    assert throughput.rate == pytest.approx(10)
    for step in range(51):
        throughput.add(100 + step * 0.05, 2)
    assert throughput.rate == pytest.approx(40, rel=0.05)


def test_long_burst_is_measured_over_its_last_second() -> None:
    throughput = Throughput()
    for step in range(200):
        throughput.add(step * 0.1, 1)
    for step in range(150):
        throughput.add(20 + step * 0.01, 1)
    assert throughput.rate == pytest.approx(100, rel=0.1)

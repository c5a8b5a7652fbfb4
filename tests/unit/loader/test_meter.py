from __future__ import annotations

from pathlib import Path

import torch

from sgl.loader.meter import SECONDS_BETWEEN, Meter
from sgl.protocol.messages import Phase
from sgl.weights.slot import Slot
from tests.harness import LocalEngine


def slots(*sizes: int) -> list[Slot]:
    return [Slot(str(size), torch.empty(size, dtype=torch.bfloat16)) for size in sizes]


def test_it_tells_a_few_times_a_second_and_at_the_end() -> None:
    told: list[tuple[int, int]] = []
    now = [0.0]
    meter = Meter(slots(10, 20, 30, 40), lambda done, total: told.append((done, total)), clock=lambda: now[0])
    ten, twenty, thirty, forty = slots(10, 20, 30, 40)
    meter.add(ten)
    now[0] += SECONDS_BETWEEN
    meter.add(twenty)
    meter.add(thirty)
    assert told == [(60, 200)]
    meter.add(forty)
    assert told == [(60, 200), (200, 200)]


def test_what_is_passed_on_counts_when_it_is_full() -> None:
    told: list[int] = []
    both = slots(1, 2)
    meter = Meter(both, lambda done, total: told.append(done))
    for number, _ in enumerate(meter.passing(both)):
        assert told == [] or number == 1
    assert told == [6]


def test_a_start_reports_bytes_of_the_parameters(stories260k: Path) -> None:
    for load_format in ("safetensors", "dummy"):
        phases: list[Phase] = []
        info = LocalEngine.load(stories260k, load_format=load_format, report=phases.append).scheduler.info
        weights = [phase for phase in phases if phase.name == "weights"]
        assert (weights[-2].done, weights[-2].total, weights[-2].seconds) == (
            info.weight_bytes,
            info.weight_bytes,
            None,
        )
        assert weights[-1].seconds is not None
        assert [phase.name for phase in phases if phase.seconds is not None] == [
            "resolve",
            "weights",
            "kv_pool",
            "warm_up",
        ]

"""The profile adds up, and knows every part of the engine that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.profile_step import main
from sgl_cli.bench.engine.sections import Stopwatch


def test_the_time_of_an_inner_part_is_not_counted_twice() -> None:
    ticks = iter(range(100))
    stopwatch = Stopwatch(clock=lambda: float(next(ticks)))
    inner = stopwatch.timed("inner", lambda: "answer")
    outer = stopwatch.timed("outer", lambda: inner() + inner())

    assert outer() == "answeranswer"
    assert stopwatch.take() == {"inner": 2.0, "outer": 3.0}
    assert stopwatch.take() == {}


def test_a_part_that_raises_is_counted() -> None:
    ticks = iter(range(100))
    stopwatch = Stopwatch(clock=lambda: float(next(ticks)))

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        stopwatch.timed("part", fail)()
    assert stopwatch.take() == {"part": 1.0}


def test_a_small_model_is_profiled(stories260k: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--model tiny --concurrency 2 --prompt 40 --output 4 --tiny-model"

    assert main([*words.split(), str(stories260k)]) == 0

    shown = capsys.readouterr().out
    assert "decode, 2 requests" in shown
    assert "prefill, up to 128 tokens" in shown
    for part in ("linears", "attention", "sampling", "scheduler: plan", "rest"):
        assert part in shown

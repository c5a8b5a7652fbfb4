"""How long the device takes for kernels: by events around a captured run, so that launching them costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import torch

from benchmarks.gpu_acceptance.place import Place

WARM_UPS: Final = 3
HOW: Final = f"{WARM_UPS} runs before; captured as one CUDA graph, between CUDA events"

Run = Callable[[], object]


def kernel_seconds(place: Place, runs: Sequence[Run], *, repetitions: int, inner: int = 1) -> tuple[float, ...]:
    """Seconds of one run, for each repetition.

    Args:
        runs: Taken in turns, each with data of its own: together they should be larger than the L2 cache, or what is
            measured is that cache. They allocate nothing but results.
        inner: How often all of them run in one repetition.
    """
    if place.rehearsal:
        return _by_clock(runs, repetitions)
    replay = _captured(runs, inner)
    for _ in range(WARM_UPS):
        replay()
    samples = []
    for _ in range(repetitions):
        begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begun.record()
        replay()
        ended.record()
        ended.synchronize()
        samples.append(begun.elapsed_time(ended) / 1e3 / (inner * len(runs)))
    return tuple(samples)


def _by_clock(runs: Sequence[Run], repetitions: int) -> tuple[float, ...]:
    samples = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        for run in runs:
            run()
        samples.append((time.perf_counter() - begun) / len(runs))
    return tuple(samples)


def _captured(runs: Sequence[Run], inner: int) -> Callable[[], None]:
    stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # Compiles kernels; libraries choose their ways.
        for run in runs:
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(inner):
            for run in runs:
                run()
    replay: Callable[[], None] = graph.replay
    return replay

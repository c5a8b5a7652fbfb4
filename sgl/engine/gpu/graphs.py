"""CUDA graphs: decode steps that are launched as a whole, because launching their kernels one by one takes longer than
the kernels themselves.

One graph for each size of a ladder; a batch takes the next size, with entries that compute nothing. Everything that
a captured step reads lies at fixed places (`sgl.engine.gpu.inputs`), and so does what it leaves behind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import torch
from torch import Tensor

from sgl.config.graphs import capture_sizes

WARM_UPS: Final = 2
"""Runs before a capture: the first one compiles kernels, and libraries choose their ways."""

Run = Callable[[], None]
"""Launches kernels; returns nothing, and reads and writes at fixed places."""


class Recorder(Protocol):
    """Makes something that can be run again of something that was run once."""

    def record(self, run: Run) -> Run:
        """Captures ``run``."""
        ...


class CudaRecorder:
    """Captures CUDA graphs, all in one pool of memory: only one of them runs at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def record(self, run: Run) -> Run:
        """Runs it, so that nothing is compiled or allocated later, then captures it."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                run()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            run()
        replay: Run = graph.replay
        return replay


class NoRecorder:
    """The twin: runs it again. Shows that a step finds all it needs where the first one was told to look."""

    def record(self, run: Run) -> Run:
        """Runs it once, as capturing does."""
        run()
        return run


def ladder(largest: int) -> tuple[int, ...]:
    """Sizes that are captured, ascending: every batch up to ``largest`` has one that is no more than 7 larger."""
    return capture_sizes(largest)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decode step leaves behind, at places that the next one overwrites.

    Attributes:
        logits: float32 [sequences, vocabulary].
        tokens: int64 [sequences], the likeliest ones.
        finite: bool [sequences], whether a row's logits have one.
    """

    logits: Tensor
    tokens: Tensor
    finite: Tensor

    @classmethod
    def room(cls, sequences: int, vocabulary: int, device: torch.device) -> Decoded:
        """For steps of up to so many sequences."""
        return cls(
            torch.zeros(sequences, vocabulary, dtype=torch.float32, device=device),
            torch.zeros(sequences, dtype=torch.int64, device=device),
            torch.zeros(sequences, dtype=torch.bool, device=device),
        )

    def first(self, sequences: int) -> Decoded:
        """Those of the first sequences."""
        return Decoded(self.logits[:sequences], self.tokens[:sequences], self.finite[:sequences])


Decode = Callable[[Decoded], None]
"""Launches a decode step of as many sequences as there is room for."""
Prepare = Callable[[int], None]
"""Is told the sequences of a step."""


class DecodeGraphs:
    """Captured decode steps.

    Args:
        sizes: As `ladder` gives them.
        room: For the largest size; all steps write there.
        prepare: Does what comes before a step of a size and is not captured.
    """

    def __init__(
        self, sizes: Sequence[int], decode: Decode, room: Decoded, recorder: Recorder, prepare: Prepare = lambda _: None
    ) -> None:
        self._sizes = tuple(sizes)
        self._room = room
        self._replay: dict[int, Run] = {}
        # The largest first, so that the pool's memory fits all others.
        for size in reversed(self._sizes):
            prepare(size)
            self._replay[size] = recorder.record(partial(decode, room.first(size)))

    @property
    def largest(self) -> int:
        """Most sequences of a captured step."""
        return self._sizes[-1]

    def size_for(self, sequences: int) -> int:
        """The captured size that a batch is padded to; ``sequences`` is no more than `largest`."""
        return self._sizes[bisect_left(self._sizes, sequences)]

    def replay(self, sequences: int) -> Decoded:
        """Launches the captured step for a batch that was padded to its `size_for`, and gives the batch's own part."""
        self._replay[self.size_for(sequences)]()
        return self._room.first(sequences)

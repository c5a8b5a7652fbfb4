"""Batch sizes for which a decode step is captured as a CUDA graph. The memory plan counts by them."""

from __future__ import annotations

from typing import Final

LARGEST: Final = 256
"""Largest batch that is captured unless ``--cuda-graph-max-bs`` says otherwise: SGLang's figure for an H200."""
SINGLE_UP_TO: Final = 8
"""Sizes up to it have a graph each: a step of few sequences is short, and padding would show."""
STEP: Final = 8


def capture_sizes(largest: int) -> tuple[int, ...]:
    """Sizes in rising order, ``largest`` included; none for 0.

    A batch is padded to the next of them, which is at most 7 larger. None up to ``largest`` runs without a graph: a
    hole in such a list has cost others half of their throughput at the sizes above it.
    """
    if largest < 1:
        return ()
    sizes = {*range(1, min(SINGLE_UP_TO, largest) + 1), *range(2 * STEP, largest + 1, STEP), largest}
    return tuple(sorted(sizes))

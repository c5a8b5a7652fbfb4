"""The sampler, against its plain twin, which works one row at a time in float64 and shares no code with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sgl.protocol.sampling import SamplingParams
from sgl.sampling import reference
from sgl.sampling.arrays import SampleRow, SamplingBatch
from sgl.sampling.sampler import Sampled, sample
from sgl.selftest.case import Measured, as_float64, compare_ids

Sample = Callable[[Tensor, SamplingBatch], Sampled]

VOCABULARY, DRAWS = 200, 64
DOUBT: Final = 1e-5
"""A draw this near the border of two tokens may fall on either side: the fast weights are rounded."""
WAYS: Final = (
    SamplingParams(),
    SamplingParams(temperature=0.7, top_k=20),
    SamplingParams(top_p=0.9, temperature=1.5),
    SamplingParams(min_p=0.02),
)


def greedy(draw: Sample = sample) -> Measured:
    """The largest logit; the lowest id among equals."""
    logits = _logits(DRAWS)
    logits[5, [3, 90, 150]] = 50.0
    rows = [SampleRow(params=SamplingParams(temperature=0.0), seed=1, position=row) for row in range(DRAWS)]
    wanted = [max(range(VOCABULARY), key=row.__getitem__) for row in logits.tolist()]
    return compare_ids(draw(logits, SamplingBatch(rows)).token_ids, wanted)


def random(draw: Sample = sample) -> Measured:
    """Every draw is the one that the definition gives for its seed and position."""
    row = _logits(1)
    got: list[int] = []
    wanted: list[int] = []
    for params in WAYS:
        rows = [SampleRow(params=params, seed=11, position=position) for position in range(DRAWS)]
        drawn = draw(row.expand(DRAWS, -1).contiguous(), SamplingBatch(rows)).token_ids
        distribution = reference.probabilities(as_float64(row[0]), params)
        edges = np.cumsum(distribution)
        for position, token in enumerate(drawn):
            u = reference.uniform(11, position)
            if np.abs(edges - u).min() > DOUBT:
                got.append(token)
                wanted.append(reference.draw(distribution, u))
    return compare_ids(got, wanted)


def _logits(rows: int) -> Tensor:
    return 2.0 * torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(6))

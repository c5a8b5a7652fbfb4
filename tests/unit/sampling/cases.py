"""Rows of logits and parameters for the sampler's tests."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from sgl.protocol.sampling import SamplingParams
from sgl.sampling.arrays import DrawParameters

SHAPES = ("wide", "narrow", "peaked", "constant", "two levels", "ties", "bfloat16", "banned", "signed zeros", "huge")


def logits_row(shape: str, vocabulary: int, seed: int) -> Tensor:
    """[V] float32 of one kind of distribution."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(vocabulary, generator=generator)
    choice = torch.randint(0, 3, (vocabulary,), generator=generator)
    match shape:
        case "wide":
            return normal * 5
        case "narrow":
            return normal * 0.1
        case "peaked":
            normal[int(choice.sum()) % vocabulary] += 12
            return normal
        case "constant":
            return torch.full((vocabulary,), float(normal[0]))
        case "two levels":
            return torch.where(choice == 0, 1.5, -0.5)
        case "ties":
            return (normal * 2).round() / 2
        case "bfloat16":
            return (normal * 3).bfloat16().float()
        case "banned":
            return torch.where((choice == 0) & (torch.arange(vocabulary) > 0), -torch.inf, normal)
        case "signed zeros":
            return torch.tensor([0.0, -0.0, 1.0])[choice]
        case "huge":
            return normal * 1e30
        case _:
            raise AssertionError(shape)


def parameters_of(params: list[SamplingParams]) -> DrawParameters:
    """Tensors on the CPU."""
    return DrawParameters.of(params, torch.device("cpu"))


def float64(row: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The row for the reference."""
    return row.to(torch.float64).numpy()


vocabularies = st.sampled_from([5, 17, 127, 128, 129, 300, 2048, 40000])
shapes = st.sampled_from(SHAPES)
seeds = st.integers(-(2**63), 2**63 - 1)
draw_params = st.builds(
    SamplingParams,
    temperature=st.sampled_from([1e-6, 0.05, 0.7, 1.0, 1.3, 50.0, 1e30]),
    top_k=st.sampled_from([-1, 0, 2, 3, 5, 20, 127, 128, 129, 250, 1000, 10**6]),
    top_p=st.sampled_from([1.0, 1e-6, 0.1, 0.3, 0.5, 0.9, 0.95, 0.999999]),
    min_p=st.sampled_from([0.0, 0.0, 1e-7, 0.05, 0.3, 1.0]),
)

"""Twin of `sgl.kernels.triton.draw` and what it is made of: the definition, row by row, with a sort."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from sgl.kernels.twins.argmax import greedy

_ONE: Final = 1 << 40


def random_bits(seed: int, position: int) -> int:
    """See `sgl.kernels.triton.philox.random_bits`: Philox4x32-10 in Python's integers."""
    words = [position & 0xFFFFFFFF, position >> 32, 0, 0]
    key = [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]
    for _ in range(10):
        first, second = words[0] * 0xD2511F53, words[2] * 0xCD9E8D57
        words = [
            second >> 32 ^ words[1] ^ key[0],
            second & 0xFFFFFFFF,
            first >> 32 ^ words[3] ^ key[1],
            first & 0xFFFFFFFF,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return words[0] | words[1] << 32


def kept_weights(logits: Tensor, temperature: float, top_k: int, top_p: float, min_weight: int) -> list[int]:
    """The weight of every token of one row [V], 0 for the dropped."""
    wide = logits.float()
    values: list[float] = wide.tolist()
    exponents = (wide - wide.max()) / torch.tensor(temperature, dtype=torch.float32)
    weights: list[int] = (exponents.exp() * _ONE).to(torch.int64).tolist()
    order = sorted(range(len(values)), key=lambda token: -values[token])
    lowest = values[order[min(top_k, len(order)) - 1]]
    weights = [weight if value >= lowest else 0 for weight, value in zip(weights, values, strict=True)]
    if top_p < 1.0:
        need = max(1, math.ceil(float(sum(weights)) * top_p))
        running = 0
        for token in order:
            running += weights[token]
            if running >= need:
                lowest = values[token]
                break
    return [w if v >= lowest and w >= min_weight else 0 for w, v in zip(weights, values, strict=True)]


def sample(
    logits: Tensor,
    temperature: Tensor,
    top_k: Tensor,
    top_p: Tensor,
    min_weight: Tensor,
    seeds: Tensor,
    positions: Tensor,
) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.draw.sample`."""
    tokens, finite = greedy(logits)
    columns = [column.tolist() for column in (temperature, top_k, top_p, min_weight, seeds, positions)]
    for row, (warmth, most, mass, least, seed, position) in enumerate(zip(*columns, strict=True)):
        if warmth > 0 and finite[row]:
            weights = kept_weights(logits[row], warmth, most, mass, least)
            mark = random_bits(seed, position) * sum(weights) >> 64
            running = 0
            for token, weight in enumerate(weights):
                running += weight
                if running > mark:
                    tokens[row] = token
                    break
    return tokens, finite

"""Rotary position embedding: frequencies, their scaling, and the rotation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sgl.config.model import RopeConfig


def inverse_frequencies(config: RopeConfig, head_dim: int) -> Tensor:
    """Radians per position of each rotated pair: float32 [head_dim / 2]."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim
    frequencies = 1.0 / (config.theta**exponents)
    if config.kind == "linear":
        return frequencies / config.factor
    if config.kind == "llama3":
        return _llama3(frequencies, config)
    return frequencies


def _llama3(frequencies: Tensor, config: RopeConfig) -> Tensor:
    """Llama 3.1: long waves are slowed by ``factor``, short ones kept, those between interpolated."""
    length = config.original_max_position
    wavelength = 2 * math.pi / frequencies
    smooth = (length / wavelength - config.low_freq_factor) / (config.high_freq_factor - config.low_freq_factor)
    between = (1 - smooth) * frequencies / config.factor + smooth * frequencies
    slowed = torch.where(wavelength > length / config.low_freq_factor, frequencies / config.factor, between)
    return torch.where(wavelength < length / config.high_freq_factor, frequencies, slowed)


class Rope:
    """Rotates heads by position in the half-split layout: pair i is (x[i], x[i + head_dim / 2])."""

    def __init__(self, config: RopeConfig, head_dim: int, max_position: int, device: torch.device) -> None:
        angles = torch.outer(torch.arange(max_position).float(), inverse_frequencies(config, head_dim))
        # With roll(x, D/2) the rotation is x * cos + roll(x) * sin, the first half of sin negated.
        self._cos = torch.cat([angles.cos(), angles.cos()], dim=-1).to(device)
        self._sin = torch.cat([-angles.sin(), angles.sin()], dim=-1).to(device)
        self._half = head_dim // 2

    def at(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines of a batch, [tokens, 1, head_dim]; shared by all layers."""
        cos = self._cos.index_select(0, positions).unsqueeze(1)
        sin = self._sin.index_select(0, positions).unsqueeze(1)
        return cos.to(dtype), sin.to(dtype)

    def rotate(self, heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[tokens, heads, head_dim] -> the same, rotated."""
        return torch.addcmul(heads * cos, torch.roll(heads, self._half, -1), sin)

"""Rotary position embedding: frequencies, their scaling, and the rotation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sgl.config.rope import RopeConfig


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


@dataclass(frozen=True, slots=True)
class Rotation:
    """Cosines and signed sines of a batch, [tokens, 1, dim]; all layers of a kind share it.

    Attributes:
        interleaved: See `RopeConfig`.
    """

    cos: Tensor
    sin: Tensor
    interleaved: bool = False

    def turn(self, heads: Tensor) -> Tensor:
        """[tokens, heads, head_dim] -> the same, rotated; elements of a head beyond ``dim`` stay as they are."""
        dim = self.cos.shape[-1]
        if dim < heads.shape[-1]:
            return torch.cat([self._turn(heads[..., :dim]), heads[..., dim:]], dim=-1)
        return self._turn(heads)

    def _turn(self, heads: Tensor) -> Tensor:
        if self.interleaved:
            swapped = heads.view(*heads.shape[:-1], -1, 2).flip(-1).flatten(-2)
        else:
            swapped = torch.roll(heads, heads.shape[-1] // 2, -1)
        return torch.addcmul(heads * self.cos, swapped, self.sin)


class Rope:
    """Tables of cosines and sines by position.

    Args:
        head_dim: Elements of a head, all of which are rotated unless ``config.dim`` says otherwise.
        max_position: Most tokens of a sequence that this engine takes.
    """

    def __init__(self, config: RopeConfig, head_dim: int, max_position: int, device: torch.device) -> None:
        dim = config.dim or head_dim
        angles = torch.outer(torch.arange(max_position).float(), inverse_frequencies(config, dim))
        cos, sin = angles.cos() * config.attention_factor, angles.sin() * config.attention_factor
        self._interleaved = config.interleaved
        if config.interleaved:
            cos, sin = cos.repeat_interleave(2, dim=-1), torch.stack([-sin, sin], dim=-1).flatten(-2)
        else:
            # With roll(x, dim / 2) the rotation is x * cos + roll(x) * sin, the first half of sin negated.
            cos, sin = torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)
        self._cos, self._sin = cos.to(device), sin.to(device)

    def at(self, positions: Tensor, dtype: torch.dtype) -> Rotation:
        """The rotation of a batch's tokens.

        Args:
            positions: int64 [tokens].
        """
        cos = self._cos.index_select(0, positions).unsqueeze(1)
        sin = self._sin.index_select(0, positions).unsqueeze(1)
        return Rotation(cos.to(dtype), sin.to(dtype), self._interleaved)

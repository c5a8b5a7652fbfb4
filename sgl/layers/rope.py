"""Rotary position embedding: frequencies, their scaling, and the rotation."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from sgl.config.rope import RopeConfig
from sgl.kernels.fused import HeadTurn


def inverse_frequencies(config: RopeConfig, dim: int, longest: int) -> Tensor:
    """Radians per position of each rotated pair: float32 [dim / 2].

    Args:
        dim: Elements of a head that are rotated.
        longest: Most tokens of a sequence; frequencies that depend on the context's length are those of this one.
    """
    match config.kind:
        case "dynamic":
            return _plain(_raised_theta(config, dim, longest), dim)
        case "linear":
            return _plain(config.theta, dim) / config.factor
        case "llama3":
            return _llama3(_plain(config.theta, dim), config)
        case "yarn":
            return _yarn(config, dim)
        case "longrope":
            factors = config.long_factors if config.depends_on(longest) else config.short_factors
            return _plain(config.theta, dim) / torch.tensor(factors, dtype=torch.float32)
        case "default":
            return _plain(config.theta, dim)


def _plain(theta: float, dim: int) -> Tensor:
    """A geometric sequence from 1 down to almost 1 / theta."""
    exponents = torch.arange(0, dim, 2, dtype=torch.int64).float() / dim
    return 1.0 / (theta**exponents)


def _raised_theta(config: RopeConfig, dim: int, longest: int) -> float:
    """NTK-aware scaling: the slowest pair is stretched as much as the context, the fastest stays."""
    stretch = max(1.0, config.factor * longest / config.original_max_position - (config.factor - 1))
    return config.theta * stretch ** (dim / (dim - 2)) if config.depends_on(longest) else config.theta


def _llama3(frequencies: Tensor, config: RopeConfig) -> Tensor:
    """Llama 3.1: long waves are slowed by ``factor``, short ones kept, those between interpolated."""
    length = config.original_max_position
    wavelength = 2 * math.pi / frequencies
    smooth = (length / wavelength - config.low_freq_factor) / (config.high_freq_factor - config.low_freq_factor)
    between = (1 - smooth) * frequencies / config.factor + smooth * frequencies
    slowed = torch.where(wavelength > length / config.low_freq_factor, frequencies / config.factor, between)
    return torch.where(wavelength < length / config.high_freq_factor, frequencies, slowed)


def _yarn(config: RopeConfig, dim: int) -> Tensor:
    """YaRN: pairs that turn often within the original context are kept, slow ones slowed, with a ramp between."""

    def pair_that_turns(times: float) -> float:
        """The (fractional) index of the pair that makes so many turns over the original context."""
        return dim * math.log(config.original_max_position / (times * 2 * math.pi)) / (2 * math.log(config.theta))

    first, last = pair_that_turns(config.beta_fast), pair_that_turns(config.beta_slow)
    if config.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, dim - 1)
    if first == last:
        last += 0.001  # A step: the ramp must not divide by 0.
    slowed = ((torch.arange(dim // 2, dtype=torch.float32) - first) / (last - first)).clamp(0, 1)
    frequencies = _plain(config.theta, dim)
    return frequencies / config.factor * slowed + frequencies * (1 - slowed)


class Rope:
    """Tables of cosines and sines by position, one of each for a pair.

    Args:
        head_dim: Elements of a head, all of which are rotated unless ``config.dim`` says otherwise.
        max_position: Most tokens of a sequence that this engine takes.

    Attributes:
        cos: float32 [max_position, dim / 2], the attention factor included.
        sin: Like cos.
        interleaved: See `RopeConfig`.
        wide: Heads are turned in float32 whatever their type.
    """

    def __init__(self, config: RopeConfig, head_dim: int, max_position: int, device: torch.device) -> None:
        dim = config.dim or head_dim
        angles = torch.outer(torch.arange(max_position).float(), inverse_frequencies(config, dim, max_position))
        self.cos = (angles.cos() * config.attention_factor).to(device)
        self.sin = (angles.sin() * config.attention_factor).to(device)
        self.interleaved, self.wide = config.interleaved, config.wide

    def at(self, positions: Tensor, dtype: torch.dtype) -> Rotation:
        """The rotation of a batch's tokens.

        Args:
            positions: int64 [tokens].
            dtype: Of the model.
        """
        return Rotation(self, positions, torch.float32 if self.wide else dtype)


class Rotation:
    """The rotation of a batch's tokens; all layers of a kind share it, and so the rows that it reads once."""

    def __init__(self, rope: Rope, positions: Tensor, dtype: torch.dtype) -> None:
        self._rope = rope
        self._positions = positions
        self._dtype = dtype

    @property
    def tables(self) -> HeadTurn:
        """For a kernel that reads the tables itself."""
        return HeadTurn(self._rope.cos, self._rope.sin, self._rope.interleaved, self._positions)

    @cached_property
    def cos(self) -> Tensor:
        """[tokens, 1, dim], in the type that heads are turned in."""
        rows = self._rope.cos.index_select(0, self._positions)
        wide = rows.repeat_interleave(2, dim=-1) if self._rope.interleaved else torch.cat([rows, rows], dim=-1)
        return wide.unsqueeze(1).to(self._dtype)

    @cached_property
    def sin(self) -> Tensor:
        """The same; negated where it meets the first element of a pair."""
        rows = self._rope.sin.index_select(0, self._positions)
        if self._rope.interleaved:
            wide = torch.stack([-rows, rows], dim=-1).flatten(-2)
        else:
            # With roll(x, dim / 2) the rotation is x * cos + roll(x) * sin, the first half of sin negated.
            wide = torch.cat([-rows, rows], dim=-1)
        return wide.unsqueeze(1).to(self._dtype)

    def turn(self, heads: Tensor) -> Tensor:
        """[tokens, heads, head_dim] -> the same, rotated; elements of a head beyond ``dim`` stay as they are."""
        dim = self.cos.shape[-1]
        if dim < heads.shape[-1]:
            return torch.cat([self._turn(heads[..., :dim]), heads[..., dim:]], dim=-1)
        return self._turn(heads)

    def _turn(self, given: Tensor) -> Tensor:
        heads = given.to(self._dtype)
        if self._rope.interleaved:
            swapped = heads.view(*heads.shape[:-1], -1, 2).flip(-1).flatten(-2)
        else:
            swapped = torch.roll(heads, heads.shape[-1] // 2, -1)
        return torch.addcmul(heads * self.cos, swapped, self.sin).to(given.dtype)

"""`RopeConfig`: rotary position embedding as plain data, read from either generation of config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sgl.config.hf import HfConfig
from sgl.errors import UnsupportedModel

RopeKind = Literal["default", "linear", "dynamic", "llama3", "yarn", "longrope"]


@dataclass(frozen=True, kw_only=True)
class RopeConfig:
    """Rotary position embedding (Su et al. 2021).

    Attributes:
        theta: Base of the frequencies.
        dim: Leading elements of a head that are rotated; None is all of them.
        interleaved: Pair i is (x[2i], x[2i + 1]); else it is (x[i], x[i + dim / 2]), the "neox" layout.
        kind: ``linear`` divides positions by ``factor``. ``dynamic`` raises theta for contexts beyond the original
            one. ``llama3`` is Llama 3.1's frequency-dependent scaling. ``yarn`` (Peng et al. 2023) interpolates slow
            frequencies and keeps fast ones. ``longrope`` (Ding et al. 2024) divides each frequency by a number of its
            own.
        factor: How many times longer than the original the context becomes.
        original_max_position: Tokens the model was trained on before it was stretched.
        low_freq_factor: Llama 3.1.
        high_freq_factor: Llama 3.1.
        beta_fast: YaRN: turns within the original context from which a frequency is kept.
        beta_slow: YaRN: turns below which a frequency is divided by ``factor``.
        truncate: YaRN: the ends of the ramp are whole pairs.
        short_factors: LongRoPE's divisors up to the original context; one for each rotated pair.
        long_factors: LongRoPE's divisors beyond it.
        attention_factor: What cosines and sines are multiplied with.
    """

    theta: float = 10000.0
    dim: int | None = None
    interleaved: bool = False
    kind: RopeKind = "default"
    factor: float = 1.0
    original_max_position: int = 8192
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    short_factors: tuple[float, ...] = ()
    long_factors: tuple[float, ...] = ()
    attention_factor: float = 1.0


def read_rope(hf: HfConfig) -> RopeConfig:
    """Reads ``rope_theta`` + ``rope_scaling`` (transformers 4) or ``rope_parameters`` (transformers 5)."""
    scaling = hf.section("rope_parameters") or hf.section("rope_scaling")
    theta = hf.read("rope_theta", float, 10000.0)
    if scaling is None:
        return RopeConfig(theta=theta)
    theta = scaling.read("rope_theta", float, theta)
    name = "rope_type" if scaling.has("rope_type") else "type"
    scaling.only(name, "default", "linear", "llama3")
    kind = scaling.read(name, str, "default")
    if kind == "linear":
        return RopeConfig(theta=theta, kind="linear", factor=scaling.require("factor", float))
    if kind == "llama3":
        return RopeConfig(
            theta=theta,
            kind="llama3",
            factor=scaling.require("factor", float),
            low_freq_factor=scaling.require("low_freq_factor", float),
            high_freq_factor=scaling.require("high_freq_factor", float),
            original_max_position=scaling.positive("original_max_position_embeddings"),
        )
    return RopeConfig(theta=theta)


def rotated(rope: RopeConfig, head_dim: int, source: str) -> int:
    """Elements of a head that are rotated.

    Raises:
        UnsupportedModel: An odd number, or more than a head has.
    """
    dim = head_dim if rope.dim is None else rope.dim
    if dim % 2 or not 0 < dim <= head_dim:
        raise UnsupportedModel(f"{source}: 'head_dim' must be even for rotary embedding, not {dim} of {head_dim}")
    return dim

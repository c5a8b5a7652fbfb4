"""`RopeConfig`: rotary position embedding as plain data, read from either generation of config.json."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from sgl.config.hf import HfConfig
from sgl.errors import UnsupportedModel

RopeKind = Literal["default", "linear", "dynamic", "llama3", "yarn", "longrope"]

KINDS: Final[dict[str, RopeKind]] = {
    "default": "default",
    "linear": "linear",
    "dynamic": "dynamic",
    "llama3": "llama3",
    "yarn": "yarn",
    "longrope": "longrope",
    "su": "longrope",
}
"""Names in config.json; ``su`` is what the first Phi-3 files call LongRoPE."""
DEFAULT_THETA: Final = 10000.0
LONGEST: Final = 2**31
"""Positions are 32-bit integers."""
FIELDS: Final = frozenset(
    {
        "rope_theta",
        "rope_type",
        "type",
        "partial_rotary_factor",
        "factor",
        "original_max_position_embeddings",
        "low_freq_factor",
        "high_freq_factor",
        "attention_factor",
        "beta_fast",
        "beta_slow",
        "mscale",
        "mscale_all_dim",
        "truncate",
        "short_factor",
        "long_factor",
        "finetuned",
    }
)
"""Fields that some kind reads; each kind ignores those of the others, as transformers does. ``finetuned`` is a note."""


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
        wide: Heads are turned in float32 and rounded then, not turned in the model's own type (OLMo 2).
    """

    theta: float = DEFAULT_THETA
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
    wide: bool = False

    @property
    def reach(self) -> int:
        """Tokens that the scaling makes of the original context; 0 where ``max_position_embeddings`` says it all."""
        stretches = self.kind in ("linear", "dynamic", "llama3", "yarn")
        return int(min(self.factor * self.original_max_position, LONGEST)) if stretches else 0

    def depends_on(self, length: int) -> bool:
        """Whether a context of ``length`` tokens has other frequencies than the original one.

        Cached tokens are shared by requests of every length, so frequencies may depend on nothing but the longest
        context that the engine takes.
        """
        return self.kind in ("dynamic", "longrope") and length > self.original_max_position


def read_rope(hf: HfConfig, *, layer_type: str | None = None, theta: float = DEFAULT_THETA) -> RopeConfig:
    """Reads ``rope_theta`` + ``rope_scaling`` (transformers 4) or ``rope_parameters`` (transformers 5).

    ``dim`` and ``interleaved`` are the family's to set; `rotated` checks the result.

    Args:
        layer_type: The part of ``rope_parameters`` that holds, in families with one for each kind of layer.
        theta: Where config.json does not say.

    Raises:
        UnsupportedModel: A kind or a field is not implemented, or a value makes no sense.
    """
    theta = _above(hf, "rope_theta", theta)
    # Where both stand, the older field wins, as in transformers.
    scaling = hf.section("rope_scaling" if hf.raw("rope_scaling") else "rope_parameters")
    if scaling is not None and layer_type is not None and scaling.has(layer_type):
        scaling = scaling.section(layer_type)
    if scaling is None:
        return RopeConfig(theta=theta)
    for name in scaling.names():
        if name not in FIELDS:
            raise UnsupportedModel(f"{scaling.source}: '{name}' is not implemented; known: {', '.join(sorted(FIELDS))}")
    theta = _above(scaling, "rope_theta", theta)
    match _kind(scaling):
        case "linear" | "dynamic" as kind:
            original = hf.positive("max_position_embeddings")
            return RopeConfig(theta=theta, kind=kind, factor=_above(scaling, "factor"), original_max_position=original)
        case "llama3":
            return _llama3(hf, scaling, theta)
        case "yarn":
            return _yarn(hf, scaling, theta)
        case "longrope":
            return _longrope(hf, scaling, theta)
        case _:
            return RopeConfig(theta=theta)


def rotated(rope: RopeConfig, head_dim: int, source: str) -> int:
    """Elements of a head that are rotated.

    Raises:
        UnsupportedModel: An odd number, more than a head has, or not what the scaling is made for.
    """
    dim = head_dim if rope.dim is None else rope.dim
    if dim % 2 or not 0 < dim <= head_dim:
        raise UnsupportedModel(f"{source}: 'head_dim' must be even for rotary embedding, not {dim} of {head_dim}")
    if rope.kind == "dynamic" and dim == 2:
        raise UnsupportedModel(f"{source}: 'rope_type': \"dynamic\" needs more than one rotated pair per head")
    for name, factors in (("short_factor", rope.short_factors), ("long_factor", rope.long_factors)):
        if rope.kind == "longrope" and len(factors) != dim // 2:
            raise UnsupportedModel(
                f"{source}: '{name}' has {len(factors)} numbers and {dim // 2} pairs of a head are rotated"
            )
    return dim


def yarn_attention_factor(factor: float, mscale: float = 1.0) -> float:
    """How much YaRN sharpens attention over a context ``factor`` times as long (Peng et al. 2023, section 3.4)."""
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


def _kind(scaling: HfConfig) -> RopeKind:
    name = "rope_type" if scaling.has("rope_type") else "type"
    scaling.only(name, *KINDS)
    kind = KINDS[scaling.read(name, str, "default")]
    # The first long Phi-3 files say "yarn" and mean LongRoPE; transformers reads them so.
    return "longrope" if kind == "yarn" and scaling.has("short_factor") else kind


def _llama3(hf: HfConfig, scaling: HfConfig, theta: float) -> RopeConfig:
    low, high = _above(scaling, "low_freq_factor"), _above(scaling, "high_freq_factor")
    if low >= high:
        raise UnsupportedModel(f"{scaling.source}: 'low_freq_factor' ({low}) must be below 'high_freq_factor' ({high})")
    return RopeConfig(
        theta=theta,
        kind="llama3",
        factor=_above(scaling, "factor"),
        low_freq_factor=low,
        high_freq_factor=high,
        original_max_position=_original(hf, scaling),
    )


def _yarn(hf: HfConfig, scaling: HfConfig, theta: float) -> RopeConfig:
    original = _original(hf, scaling)
    if theta == 1:
        raise UnsupportedModel(f"{scaling.source}: 'rope_theta' must not be 1 for \"yarn\"")
    factor = _factor(hf, scaling, original)
    # 0 counts as absent, as in transformers.
    mscale, all_dim = scaling.read("mscale", float, 0.0), scaling.read("mscale_all_dim", float, 0.0)
    attention = yarn_attention_factor(factor)
    if mscale and all_dim:
        attention = yarn_attention_factor(factor, mscale) / yarn_attention_factor(factor, all_dim)
    return RopeConfig(
        theta=theta,
        kind="yarn",
        factor=factor,
        original_max_position=original,
        beta_fast=_above(scaling, "beta_fast", 32.0),
        beta_slow=_above(scaling, "beta_slow", 1.0),
        truncate=scaling.read("truncate", bool, True),
        attention_factor=_above(scaling, "attention_factor", attention),
    )


def _longrope(hf: HfConfig, scaling: HfConfig, theta: float) -> RopeConfig:
    original = _original(hf, scaling)
    factor = _factor(hf, scaling, original)
    attention = 1.0
    if factor > 1 and not scaling.has("attention_factor"):
        if original == 1:
            raise UnsupportedModel(f"{scaling.source}: lacks 'attention_factor', which one original position gives not")
        attention = math.sqrt(1 + math.log(factor) / math.log(original))
    return RopeConfig(
        theta=theta,
        kind="longrope",
        factor=factor,
        original_max_position=original,
        short_factors=_factors(scaling, "short_factor"),
        long_factors=_factors(scaling, "long_factor"),
        attention_factor=_above(scaling, "attention_factor", attention),
    )


def _original(hf: HfConfig, scaling: HfConfig) -> int:
    """Tokens of the original context; beside the scaling (Phi-3) it wins, as in transformers."""
    holder = hf if hf.has("original_max_position_embeddings") else scaling
    longest = hf.positive("max_position_embeddings")
    return holder.positive("original_max_position_embeddings", default=longest)


def _factor(hf: HfConfig, scaling: HfConfig, original: int) -> float:
    """``factor``, or how much longer than the original the context of config.json is."""
    return _above(scaling, "factor", hf.positive("max_position_embeddings") / original)


def _factors(scaling: HfConfig, name: str) -> tuple[float, ...]:
    values = scaling.raw(name)
    if not isinstance(values, list) or not all(type(each) in (int, float) and 0 < each < math.inf for each in values):
        raise UnsupportedModel(f"{scaling.source}: '{name}' must be a list of numbers above 0")
    return tuple(map(float, values))


def _above(hf: HfConfig, name: str, default: float | None = None) -> float:
    """A number above 0: required unless there is a default."""
    value = hf.require(name, float) if default is None else hf.read(name, float, default)
    if value <= 0:
        raise UnsupportedModel(f"{hf.source}: '{name}' must be above 0, not {value}")
    return value

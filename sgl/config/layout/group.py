"""Weights that belong together: of attention, a feed-forward block, experts, a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from sgl.config.layout.weight import ExpertStack, Matrix, Norm, Table, Vector, Weight


@dataclass(frozen=True, slots=True)
class AttentionWeights:
    """Attention by heads."""

    qkv: Matrix
    out: Matrix
    q_norm: Norm | None
    k_norm: Norm | None
    sinks: Vector | None


@dataclass(frozen=True, slots=True)
class LatentWeights:
    """Multi-head latent attention.

    Attributes:
        query: Hidden state -> query heads; None when queries are compressed first.
        query_down: Hidden state -> compressed query, ``query_norm`` of it, and ``query_up`` to the heads.
        kv_down: Hidden state -> compressed key and value, and the positional part of the key.
        kv_up: Compressed -> keys and values of all heads, head by head.
    """

    query: Matrix | None
    query_down: Matrix | None
    query_norm: Norm | None
    query_up: Matrix | None
    kv_down: Matrix
    kv_norm: Norm
    kv_up: Matrix
    out: Matrix


@dataclass(frozen=True, slots=True)
class MlpWeights:
    """A feed-forward block, or one expert."""

    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True, slots=True)
class ExpertWeights:
    """A mixture of experts. Either ``experts``, or ``gate_up`` and ``down`` with all experts in one tensor."""

    router: Matrix
    correction: Vector | None
    experts: tuple[MlpWeights, ...]
    gate_up: ExpertStack | None
    down: ExpertStack | None
    shared: MlpWeights | None
    shared_gate: Matrix | None


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer."""

    before_attention: Norm | None
    attention: AttentionWeights | LatentWeights
    after_attention: Norm | None
    before_mlp: Norm | None
    mlp: MlpWeights | ExpertWeights
    after_mlp: Norm | None


@dataclass(frozen=True, slots=True)
class OuterWeights:
    """What is outside of the layers. ``head`` is None when the embedding is the head."""

    embedding: Table
    positions: Table | None
    norm: Norm
    head: Matrix | None


def parts(group: Any) -> Iterator[Weight]:
    """The weights in one of the groups above, or in a tuple of them."""
    if isinstance(group, Weight):
        yield group
    elif isinstance(group, tuple):
        for each in group:
            yield from parts(each)
    elif is_dataclass(group):
        for field in fields(group):
            yield from parts(getattr(group, field.name))

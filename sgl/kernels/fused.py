"""`FusedKernels`: what a GPU computes between two products in one kernel, where torch's operations take several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sgl.config.experts import ExpertsConfig
from sgl.config.kv import KvStorage
from sgl.config.model import Activation, NormKind
from sgl.kernels.expert_weight import AnyExperts


@dataclass(frozen=True, slots=True)
class KvTarget:
    """Where one layer's keys and values of a step's tokens go.

    Attributes:
        keys: [slots, num_kv_heads, head_dim] of the pool's type, int8 where ``storage`` says how it is coded.
        values: Like keys.
        slots: int64 [tokens]; -1 writes nothing.
        key_multipliers: float32 [slots, num_kv_heads] of coded keys, or None.
        value_multipliers: The same of values.
    """

    keys: Tensor
    values: Tensor
    slots: Tensor
    storage: KvStorage | None = None
    key_multipliers: Tensor | None = None
    value_multipliers: Tensor | None = None


@dataclass(frozen=True, slots=True)
class HeadNorms:
    """RMSNorm of each head of q and of k.

    Attributes:
        query: [head_dim], the scale.
        key: [head_dim].
    """

    query: Tensor
    key: Tensor
    eps: float
    kind: NormKind


@dataclass(frozen=True, slots=True)
class HeadTurn:
    """Rotary position embedding by tables.

    Attributes:
        cos: float32 [max_position, rotary_dim / 2], the attention factor included.
        sin: Like cos.
        interleaved: Pairs are neighbours, not halves of the rotated part.
        positions: int64 [tokens].
    """

    cos: Tensor
    sin: Tensor
    interleaved: bool
    positions: Tensor


class FusedKernels(Protocol):
    """The kernels that layers call when they are there; without them they compute in torch's operations."""

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float, kind: NormKind) -> Tensor:
        """[tokens, size] -> [tokens, size]; any kind but ``layer``."""
        ...

    def add_rms_norm(self, hidden: Tensor, added: Tensor, weight: Tensor, eps: float, kind: NormKind) -> Tensor:
        """Adds to ``hidden``, in place, and returns the norm of the sum."""
        ...

    def nonlinearity(self, x: Tensor, activation: Activation, *, gated: bool) -> Tensor:
        """[tokens, width] -> [tokens, inner]."""
        ...

    def write_heads(
        self, qkv: Tensor, heads: int, norms: HeadNorms | None, turn: HeadTurn | None, target: KvTarget
    ) -> Tensor:
        """Norms, rotates and stores.

        Args:
            qkv: [tokens, (heads + 2 * num_kv_heads) * head_dim].
            heads: Query heads.

        Returns:
            Queries, [tokens, heads, head_dim].
        """
        ...

    def route(
        self, logits: Tensor, config: ExpertsConfig, correction: Tensor | None, slots: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See `sgl.layers.router.route`; experts come as int32, and are -1 for rows whose slot is -1."""
        ...

    def experts(
        self,
        hidden: Tensor,
        weights: Tensor,
        chosen: Tensor,
        gate_up: AnyExperts,
        down: AnyExperts,
        activation: Activation,
        *,
        gated: bool,
    ) -> Tensor:
        """Weighted results of each token's experts, in kernels whose number does not depend on what was chosen.

        Args:
            hidden: [tokens, hidden_size].
            weights: float32 [tokens, chosen].
            chosen: int32 [tokens, chosen], as `route` gives them.
            gate_up: hidden_size -> inner, or twice that where it is gated.
            down: inner -> hidden_size.

        Returns:
            [tokens, hidden_size] in the type of ``hidden``, summed in float32.
        """
        ...

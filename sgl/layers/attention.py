"""Grouped-query self-attention with rotary positions: projections around the paged attention."""

from __future__ import annotations

from torch import Tensor

from sgl.batch.context import ForwardContext
from sgl.config.layout.group import AttentionWeights
from sgl.config.layout.weight import Norm
from sgl.config.model import ModelConfig
from sgl.kernels.fused import HeadNorms
from sgl.layers.base import Group
from sgl.layers.linear import Linear
from sgl.layers.norm import AnyNorm, RMSNorm, make_norm
from sgl.layers.rope import Rotation
from sgl.layers.vector import Values
from sgl.weights.slot import Placement


class SelfAttention(Group):
    """q, k, v in one projection; optional norms of q and k; rope; attention; output projection.

    Args:
        layer: Its number, by which the paged attention knows its cache.
    """

    def __init__(self, config: ModelConfig, weights: AttentionWeights, layer: int, place: Placement) -> None:
        self._layer = layer
        self._heads = config.num_heads
        self._kv_heads = config.num_kv_heads
        self._head_dim = config.head_dim
        self._qkv = Linear(weights.qkv, place)
        self._out = Linear(weights.out, place)
        self._by_head = config.qk_norm == "head"

        def norm(norm: Norm | None) -> AnyNorm | None:
            return None if norm is None else make_norm(config.norm, norm, config.norm_eps, place)

        self._q_norm, self._k_norm = norm(weights.q_norm), norm(weights.k_norm)
        self._sinks = None if weights.sinks is None else Values(weights.sinks, place)
        self._fused = place.fused
        optional = [each for each in (self._q_norm, self._k_norm, self._sinks) if each is not None]
        super().__init__(self._qkv, self._out, *optional)

    def forward(self, hidden: Tensor, rotation: Rotation | None, context: ForwardContext) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]."""
        qkv = self._qkv.forward(hidden)
        mix = self._mix if self._fused is None else self._mix_fused
        return self._out.forward(mix(qkv, rotation, context))

    def _mix(self, joined: Tensor, rotation: Rotation | None, context: ForwardContext) -> Tensor:
        """Attention of [tokens, q, k and v side by side]: [tokens, heads * head_dim]."""
        qkv = joined.view(-1, self._heads + 2 * self._kv_heads, self._head_dim)
        turned = self._heads + self._kv_heads
        value = qkv[:, turned:]
        if self._q_norm is None or self._k_norm is None:
            # q and k lie side by side, so one rotation serves both.
            both = qkv[:, :turned] if rotation is None else rotation.turn(qkv[:, :turned])
            query, key = both[:, : self._heads], both[:, self._heads :]
        else:
            query = self._normed(self._q_norm, qkv[:, : self._heads])
            key = self._normed(self._k_norm, qkv[:, self._heads : turned])
            if rotation is not None:
                query, key = rotation.turn(query), rotation.turn(key)
        return context.attention.forward(self._layer, query.contiguous(), key, value, self._sink_values)

    def _mix_fused(self, joined: Tensor, rotation: Rotation | None, context: ForwardContext) -> Tensor:
        """The same, where one kernel norms, turns and stores."""
        assert self._fused is not None, "chosen for it"
        norms = None
        if self._q_norm is not None and self._k_norm is not None:
            if self._by_head:
                assert isinstance(self._q_norm, RMSNorm)
                assert isinstance(self._k_norm, RMSNorm)
                norms = HeadNorms(self._q_norm.weight, self._k_norm.weight, self._q_norm.eps, self._q_norm.kind)
            else:
                width = self._heads * self._head_dim
                query, key = joined[:, :width], joined[:, width : width + self._kv_heads * self._head_dim]
                query.copy_(self._q_norm.forward(query))
                key.copy_(self._k_norm.forward(key))
        turn = None if rotation is None else rotation.tables
        attention = context.paged
        turned = self._fused.write_heads(joined, self._heads, norms, turn, attention.target(self._layer))
        return attention.attend(self._layer, turned, self._sink_values)

    @property
    def _sink_values(self) -> Tensor | None:
        return None if self._sinks is None else self._sinks.values

    def _normed(self, norm: AnyNorm, heads: Tensor) -> Tensor:
        if self._by_head:
            return norm.forward(heads)
        return norm.forward(heads.reshape(len(heads), -1)).view(heads.shape)

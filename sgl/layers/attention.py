"""Grouped-query self-attention with rotary positions: projections around the paged attention."""

from __future__ import annotations

from torch import Tensor

from sgl.batch.context import ForwardContext
from sgl.config.model import ModelConfig
from sgl.layers.base import Group, Placement
from sgl.layers.linear import Linear
from sgl.layers.norm import RMSNorm
from sgl.layers.rope import Rope


class SelfAttention(Group):
    """q, k, v in one projection; optional per-head norms (Qwen3); rope; attention; output projection."""

    def __init__(self, config: ModelConfig, layer: int, rope: Rope, place: Placement) -> None:
        prefix = f"model.layers.{layer}.self_attn"
        self._layer = layer
        self._rope = rope
        self._heads = config.num_heads
        self._kv_heads = config.num_kv_heads
        self._head_dim = config.head_dim
        q_width = config.num_heads * config.head_dim
        self._qkv = Linear(
            [f"{prefix}.{name}" for name in ("q_proj", "k_proj", "v_proj")],
            config.hidden_size,
            [q_width, config.kv_width, config.kv_width],
            bias=config.qkv_bias,
            place=place,
        )
        self._out = Linear([f"{prefix}.o_proj"], q_width, [config.hidden_size], bias=config.output_bias, place=place)
        self._norms = (
            (
                RMSNorm(f"{prefix}.q_norm", config.head_dim, config.rms_norm_eps, place),
                RMSNorm(f"{prefix}.k_norm", config.head_dim, config.rms_norm_eps, place),
            )
            if config.qk_norm
            else None
        )
        super().__init__(self._qkv, self._out, *(self._norms or ()))

    def forward(self, hidden: Tensor, rotation: tuple[Tensor, Tensor], context: ForwardContext) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]."""
        qkv = self._qkv.forward(hidden).view(-1, self._heads + 2 * self._kv_heads, self._head_dim)
        turned = self._heads + self._kv_heads
        value = qkv[:, turned:]
        if self._norms is None:
            # q and k lie side by side, so one rotation serves both.
            both = self._rope.rotate(qkv[:, :turned], *rotation)
            query, key = both[:, : self._heads], both[:, self._heads :]
        else:
            q_norm, k_norm = self._norms
            query = self._rope.rotate(q_norm.forward(qkv[:, : self._heads]), *rotation)
            key = self._rope.rotate(k_norm.forward(qkv[:, self._heads : turned]), *rotation)
        return self._out.forward(context.attention.forward(self._layer, query.contiguous(), key, value))

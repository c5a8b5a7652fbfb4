"""The decoder of all families, built from a `ModelConfig` and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.batch.context import ForwardContext
from sgl.config.layout.decoder import layer_weights, outer_weights
from sgl.config.layout.group import ExpertWeights, LatentWeights
from sgl.config.layout.weight import Norm
from sgl.config.model import ModelConfig
from sgl.layers.attention import SelfAttention
from sgl.layers.base import Group
from sgl.layers.embedding import Embedding
from sgl.layers.experts import Experts
from sgl.layers.head import Head, TiedHead
from sgl.layers.latent import LatentSelfAttention
from sgl.layers.mlp import MLP
from sgl.layers.norm import AnyNorm, make_norm
from sgl.layers.rope import Rope, Rotation
from sgl.weights.slot import Placement


class DecoderLayer(Group):
    """A residual block: attention, then MLP, each with a norm before it, after it, or both."""

    def __init__(self, config: ModelConfig, layer: int, place: Placement) -> None:
        weights = layer_weights(config, layer)

        def norm(norm: Norm | None) -> AnyNorm | None:
            return None if norm is None else make_norm(config.norm, norm, config.norm_eps, place)

        self._attention = (
            LatentSelfAttention(config, weights.attention, layer, place)
            if isinstance(weights.attention, LatentWeights)
            else SelfAttention(config, weights.attention, layer, place)
        )
        self._mlp = (
            Experts(config, weights.mlp, place)
            if isinstance(weights.mlp, ExpertWeights)
            else MLP(config, weights.mlp, place)
        )
        self._before_attention, self._after_attention = norm(weights.before_attention), norm(weights.after_attention)
        self._before_mlp, self._after_mlp = norm(weights.before_mlp), norm(weights.after_mlp)
        norms = (self._before_attention, self._after_attention, self._before_mlp, self._after_mlp)
        super().__init__(self._attention, self._mlp, *(each for each in norms if each is not None))

    def forward(self, hidden: Tensor, rotation: Rotation | None, context: ForwardContext) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]; ``hidden`` is overwritten."""
        added = self._attention.forward(_normed(self._before_attention, hidden), rotation, context)
        hidden.add_(_normed(self._after_attention, added))
        added = self._mlp.forward(_normed(self._before_mlp, hidden))
        return hidden.add_(_normed(self._after_mlp, added))


class Decoder(Group):
    """Token ids -> hidden states -> logits.

    Args:
        max_positions: Most tokens of a sequence that this engine takes.
    """

    def __init__(self, config: ModelConfig, place: Placement, max_positions: int) -> None:
        self.config = config
        self._dtype = place.dtype
        weights = outer_weights(config)

        def rope(sliding: bool) -> Rope | None:
            described = config.local_rope if sliding and config.local_rope is not None else config.rope
            dim = config.head_dim
            return None if described is None else Rope(described, dim, max_positions, place.device)

        self._rope = rope(sliding=False)
        self._local_rope = self._rope if config.local_rope is None else rope(sliding=True)
        self._embedding = Embedding(weights.embedding, place)
        self._positions = None if weights.positions is None else Embedding(weights.positions, place)
        self._layers = [DecoderLayer(config, index, place) for index in range(config.num_layers)]
        self._norm = make_norm(config.norm, weights.norm, config.norm_eps, place)
        self._head = TiedHead(self._embedding) if weights.head is None else Head(weights.head, place)
        positions = [] if self._positions is None else [self._positions]
        super().__init__(self._embedding, *positions, *self._layers, self._norm, self._head)

    @torch.inference_mode()
    def forward(self, context: ForwardContext) -> Tensor:
        """Hidden states before the final norm: [tokens, hidden_size]."""
        hidden = self._embed(context)
        rotation, local = self._rotations(context)
        for layer, window in zip(self._layers, self.config.windows, strict=True):
            hidden = layer.forward(hidden, rotation if window is None else local, context)
        return hidden

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Final norm and head of the chosen rows: float32 [rows, vocab_size]."""
        logits = self._head.forward(self._norm.forward(hidden)).to(torch.float32)
        cap = self.config.logit_softcap
        return logits if cap is None else logits.div_(cap).tanh_().mul_(cap)

    def _embed(self, context: ForwardContext) -> Tensor:
        hidden = self._embedding.forward(context.token_ids)
        if self.config.embedding_scale != 1.0:
            # In the model's own type, as Gemma's authors compute it.
            hidden.mul_(torch.tensor(self.config.embedding_scale, dtype=hidden.dtype))
        if self._positions is not None:
            hidden.add_(self._positions.forward(context.positions))
        return hidden

    def _rotations(self, context: ForwardContext) -> tuple[Rotation | None, Rotation | None]:
        """Of layers that see everything, and of those with a window."""
        rotation = None if self._rope is None else self._rope.at(context.positions, self._dtype)
        if self._local_rope is self._rope or self._local_rope is None:
            return rotation, rotation
        return rotation, self._local_rope.at(context.positions, self._dtype)


def _normed(norm: AnyNorm | None, hidden: Tensor) -> Tensor:
    return hidden if norm is None else norm.forward(hidden)

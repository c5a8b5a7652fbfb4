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

    def forward(
        self, hidden: Tensor, added: Tensor | None, rotation: Rotation | None, context: ForwardContext
    ) -> Tensor:
        """What this block adds to the residual stream, [tokens, hidden_size].

        The sum is left to whoever norms it next, because a GPU does both in one kernel.

        Args:
            hidden: The stream, [tokens, hidden_size], overwritten.
            added: What the block before has for it, or None.
        """
        normed = _add(self._before_attention, hidden, added)
        mixed = self._attention.forward(normed, rotation, context)
        normed = _add(self._before_mlp, hidden, _normed(self._after_attention, mixed))
        return _normed(self._after_mlp, self._feed(normed, context))

    def _feed(self, normed: Tensor, context: ForwardContext) -> Tensor:
        """Experts are not read for rows that only pad a batch; other weights are read whoever is there."""
        if isinstance(self._mlp, Experts):
            return self._mlp.forward(normed, context.slots)
        return self._mlp.forward(normed)


class Decoder(Group):
    """Token ids -> hidden states -> logits.

    Args:
        max_positions: Most tokens of a sequence that this engine takes.
    """

    def __init__(self, config: ModelConfig, place: Placement, max_positions: int) -> None:
        self.config = config
        self._dtype = place.dtype
        # In the model's own type, as Gemma's authors compute it.
        self._embedding_scale = torch.tensor(config.embedding_scale, dtype=place.dtype).item()
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
        head, multiply = weights.head, place.products.dense
        self._head = TiedHead(self._embedding, multiply) if head is None else Head(head, place)
        positions = [] if self._positions is None else [self._positions]
        super().__init__(self._embedding, *positions, *self._layers, self._norm, self._head)

    @torch.inference_mode()
    def forward(self, context: ForwardContext) -> Tensor:
        """Hidden states before the final norm: [tokens, hidden_size]."""
        hidden = self._embed(context)
        rotation, local = self._rotations(context)
        added: Tensor | None = None
        for layer, window in zip(self._layers, self.config.windows, strict=True):
            added = layer.forward(hidden, added, rotation if window is None else local, context)
        return hidden if added is None else hidden.add_(added)

    @torch.inference_mode()
    def logits(self, hidden: Tensor, out: Tensor | None = None) -> Tensor:
        """Final norm and head of the chosen rows: float32 [rows, vocab_size], in ``out``, if given."""
        logits = self._head.forward(self._norm.forward(hidden))
        logits = logits.to(torch.float32) if out is None else out.copy_(logits)
        cap = self.config.logit_softcap
        return logits if cap is None else logits.div_(cap).tanh_().mul_(cap)

    def _embed(self, context: ForwardContext) -> Tensor:
        hidden = self._embedding.forward(context.token_ids)
        if self.config.embedding_scale != 1.0:
            hidden.mul_(self._embedding_scale)
        if self._positions is not None:
            hidden.add_(self._positions.forward(context.positions))
        return hidden

    def _rotations(self, context: ForwardContext) -> tuple[Rotation | None, Rotation | None]:
        """Of layers that see everything, and of those with a window."""
        rotation = None if self._rope is None else self._rope.at(context.positions, self._dtype)
        if self._local_rope is self._rope or self._local_rope is None:
            return rotation, rotation
        return rotation, self._local_rope.at(context.positions, self._dtype)


def _add(norm: AnyNorm | None, hidden: Tensor, added: Tensor | None) -> Tensor:
    """Adds to the stream, in place, and norms the sum."""
    if added is None:
        return _normed(norm, hidden)
    return hidden.add_(added) if norm is None else norm.add(hidden, added)


def _normed(norm: AnyNorm | None, hidden: Tensor) -> Tensor:
    return hidden if norm is None else norm.forward(hidden)

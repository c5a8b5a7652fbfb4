"""The decoder all Llama-like families share, built from a `ModelConfig` and nothing else.

Names of weights are those of Hugging Face checkpoints. A family that computes something else brings its
own module with the same three methods.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.batch.context import ForwardContext
from sgl.config.model import ModelConfig
from sgl.layers.attention import SelfAttention
from sgl.layers.base import Group, Placement
from sgl.layers.embedding import Embedding, Head
from sgl.layers.mlp import GatedMLP
from sgl.layers.norm import RMSNorm
from sgl.layers.rope import Rope


class DecoderLayer(Group):
    """Pre-norm residual block: attention, then MLP."""

    def __init__(self, config: ModelConfig, layer: int, rope: Rope, place: Placement) -> None:
        prefix = f"model.layers.{layer}"
        self.before_attention = RMSNorm(f"{prefix}.input_layernorm", config.hidden_size, config.rms_norm_eps, place)
        self.attention = SelfAttention(config, layer, rope, place)
        self.before_mlp = RMSNorm(f"{prefix}.post_attention_layernorm", config.hidden_size, config.rms_norm_eps, place)
        self.mlp = GatedMLP(config, layer, place)
        super().__init__(self.before_attention, self.attention, self.before_mlp, self.mlp)

    def forward(self, hidden: Tensor, rotation: tuple[Tensor, Tensor], context: ForwardContext) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]; ``hidden`` is overwritten."""
        hidden.add_(self.attention.forward(self.before_attention.forward(hidden), rotation, context))
        return hidden.add_(self.mlp.forward(self.before_mlp.forward(hidden)))


class Decoder(Group):
    """Token ids -> hidden states -> logits."""

    def __init__(self, config: ModelConfig, place: Placement, max_positions: int) -> None:
        self.config = config
        self._dtype = place.dtype
        self._rope = Rope(config.rope, config.head_dim, max_positions, place.device)
        self._embedding = Embedding("model.embed_tokens", config.vocab_size, config.hidden_size, place)
        self._layers = [DecoderLayer(config, index, self._rope, place) for index in range(config.num_layers)]
        self._norm = RMSNorm("model.norm", config.hidden_size, config.rms_norm_eps, place)
        tied = self._embedding if config.tie_embeddings else None
        self._head = Head("lm_head", config.vocab_size, config.hidden_size, tied, place)
        super().__init__(self._embedding, *self._layers, self._norm, self._head)

    @torch.inference_mode()
    def forward(self, context: ForwardContext) -> Tensor:
        """Hidden states before the final norm: [tokens, hidden_size]."""
        hidden = self._embedding.forward(context.token_ids)
        rotation = self._rope.at(context.positions, self._dtype)
        for layer in self._layers:
            hidden = layer.forward(hidden, rotation, context)
        return hidden

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Final norm and head of the chosen rows: float32 [rows, vocab_size]."""
        return self._head.forward(self._norm.forward(hidden))

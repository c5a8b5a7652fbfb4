"""`ModelConfig`: a decoder described completely, as plain data.

A family file (`sgl.models.llama`, ...) turns an `HfConfig` into a `ModelConfig`; the layers are built from
it and nothing else, and memory is planned from it without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sgl.config.experts import ExpertsConfig
from sgl.config.hf import HfConfig
from sgl.config.latent import LatentConfig
from sgl.config.names import WeightNames
from sgl.config.quantization import Quantization
from sgl.config.rope import RopeConfig

NormKind = Literal["rms", "rms_float", "rms_plus_one", "layer"]
Activation = Literal["silu", "gelu", "gelu_tanh", "clamped_silu"]
QkNorm = Literal["head", "width"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One decoder: shapes, layer kinds, and which optional parts it has.

    Attributes:
        hidden_size: Width of the residual stream.
        intermediate_size: Inner width of a feed-forward block that is no expert.
        num_heads: Query heads; ``num_kv_heads`` divides it (GQA).
        head_dim: Width of one head; not always hidden_size / num_heads.
        norm: RMSNorm; OLMo 2's, whose scale meets the value before it is rounded; Gemma's, whose scale is 1 + weight
            besides; or LayerNorm with a bias.
        norm_eps: Added to the mean square, or the variance.
        max_position: Most tokens of a sequence.
        rope: How positions are told; None where the model learns them (``names.positions``).
        local_rope: The same for layers with a window, where it differs (Gemma 3).
        windows: Per layer, the sliding window in tokens (a query sees itself and window - 1 before), or
            None for full attention.
        qkv_bias: q, k and v projections have biases; ``output_bias`` o_proj.
        mlp_bias: Feed-forward projections have biases.
        qk_norm: RMSNorm on q and k before rope: of each head (Qwen3), or over all of their width (OLMo 2).
        attention_scale: Scores are multiplied with it; None is head_dim ** -0.5.
        attention_softcap: Logits of attention become cap * tanh(logits / cap) (Gemma 2); None is off.
        sinks: A learned logit per head takes its share of each softmax (GPT-OSS).
        latent: Multi-head latent attention; None is attention by heads.
        activation: Of the feed-forward block. ``clamped_silu`` is GPT-OSS's.
        gated: The activation of one projection multiplies another one.
        experts: Mixture of experts; None where no layer has them.
        embedding_scale: Embeddings are multiplied with it (Gemma).
        logit_softcap: Logits become cap * tanh(logits / cap) (Gemma 2); None is off.
        tie_embeddings: The head reads the embedding matrix.
        names: What a checkpoint calls all this.
        quantization: How matrices are stored, or are made at load; None where they are not quantised.
        checkpoint_dtype: ``dtype`` of the checkpoint as config.json names it, or None.
        ignored_weights: Checkpoint names (glob) that hold nothing the model needs.
    """

    architecture: str
    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    norm: NormKind = "rms"
    norm_eps: float
    max_position: int
    rope: RopeConfig | None
    local_rope: RopeConfig | None = None
    windows: tuple[int | None, ...]
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    qk_norm: QkNorm | None = None
    attention_scale: float | None = None
    attention_softcap: float | None = None
    sinks: bool = False
    latent: LatentConfig | None = None
    activation: Activation = "silu"
    gated: bool = True
    experts: ExpertsConfig | None = None
    embedding_scale: float = 1.0
    logit_softcap: float | None = None
    tie_embeddings: bool = False
    names: WeightNames = field(default=WeightNames())
    quantization: Quantization | None = None
    checkpoint_dtype: str | None = None
    ignored_weights: tuple[str, ...] = field(default=("*.rotary_emb.inv_freq",))

    @property
    def q_width(self) -> int:
        """Elements of all query heads of a token."""
        return self.num_heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Elements of K (or V) per token and layer, where heads have their own."""
        return self.num_kv_heads * self.head_dim

    def kv_bytes_per_token(self, element_bytes: int) -> int:
        """Bytes that are cached of one token over all layers."""
        width = 2 * self.kv_width if self.latent is None else self.latent.cached_width
        return self.num_layers * width * element_bytes

    def has_experts(self, layer: int) -> bool:
        """Whether a layer's feed-forward block is a mixture of experts."""
        return self.experts is not None and self.experts.layers[layer]


ReadFamily = Callable[[HfConfig, str], ModelConfig]
"""A family's reader: (config.json, architecture name) -> ModelConfig; raises UnsupportedModel."""

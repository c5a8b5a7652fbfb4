"""`ModelConfig`: a decoder described completely, as plain data.

A family file (`sgl.models.llama`, ...) turns an `HfConfig` into a `ModelConfig`; the layers are built from
it and nothing else, and memory is planned from it without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sgl.config.hf import HfConfig
from sgl.errors import UnsupportedModel

RopeKind = Literal["default", "linear", "llama3"]


@dataclass(frozen=True, kw_only=True)
class RopeConfig:
    """Rotary position embedding (Su et al. 2021), half-split ("neox") layout.

    Attributes:
        theta: Base of the frequencies.
        kind: ``linear`` divides positions by ``factor``; ``llama3`` is Llama 3.1's frequency-dependent
            scaling with ``low_freq_factor``, ``high_freq_factor`` and the original context length.
    """

    theta: float = 10000.0
    kind: RopeKind = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position: int = 8192


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One decoder: shapes, layer kinds, and which optional parts it has.

    Attributes:
        hidden_size: Width of the residual stream.
        num_heads: Query heads; ``num_kv_heads`` divides it (GQA).
        head_dim: Width of one head; not always hidden_size / num_heads.
        windows: Per layer, the sliding window in tokens (a query sees itself and window - 1 before), or
            None for full attention.
        qkv_bias: q, k and v projections have biases; ``output_bias`` o_proj.
        mlp_bias: gate, up and down projections have biases.
        qk_norm: RMSNorm over head_dim on q and k before rope (Qwen3).
        attention_softcap: Logits of attention become cap * tanh(logits / cap) (Gemma 2); None is off.
        tie_embeddings: The head reads the embedding matrix.
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
    rms_norm_eps: float
    max_position: int
    rope: RopeConfig
    windows: tuple[int | None, ...]
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    attention_softcap: float | None = None
    tie_embeddings: bool = False
    checkpoint_dtype: str | None = None
    ignored_weights: tuple[str, ...] = field(default=("*.rotary_emb.inv_freq",))

    @property
    def kv_width(self) -> int:
        """Elements of K (or V) per token and layer."""
        return self.num_kv_heads * self.head_dim

    def kv_bytes_per_token(self, element_bytes: int) -> int:
        """Bytes of K and V of one token over all layers."""
        return 2 * self.num_layers * self.kv_width * element_bytes

    def parameter_count(self) -> int:
        """Parameters the model holds in memory; a tied head counts once."""
        q_width = self.num_heads * self.head_dim
        qkv_width = q_width + 2 * self.kv_width
        attention = self.hidden_size * (qkv_width + q_width)
        attention += qkv_width if self.qkv_bias else 0
        attention += self.hidden_size if self.output_bias else 0
        attention += 2 * self.head_dim if self.qk_norm else 0
        mlp = 3 * self.hidden_size * self.intermediate_size
        mlp += 2 * self.intermediate_size + self.hidden_size if self.mlp_bias else 0
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_embeddings else 2)
        return self.num_layers * (attention + mlp + 2 * self.hidden_size) + embeddings + self.hidden_size


ReadFamily = Callable[[HfConfig, str], ModelConfig]
"""A family's reader: (config.json, architecture name) -> ModelConfig; raises UnsupportedModel."""


def read_decoder(
    hf: HfConfig,
    architecture: str,
    *,
    windows: tuple[int | None, ...] | None = None,
    qkv_bias: bool = False,
    output_bias: bool = False,
    mlp_bias: bool = False,
    qk_norm: bool = False,
    head_dim_default: int | None = None,
) -> ModelConfig:
    """Reads the fields all Llama-like decoders share; a family passes only what differs.

    Raises:
        UnsupportedModel: A field is missing, of the wrong type, inconsistent or not implemented.
    """
    hidden_size = hf.positive("hidden_size")
    num_layers = hf.positive("num_hidden_layers")
    num_heads = hf.positive("num_attention_heads")
    num_kv_heads = hf.positive("num_key_value_heads", default=num_heads)
    if num_heads % num_kv_heads:
        raise UnsupportedModel(
            f"{hf.source}: num_attention_heads ({num_heads}) is no multiple of num_key_value_heads ({num_kv_heads})"
        )
    if not hf.has("head_dim") and head_dim_default is None and hidden_size % num_heads:
        raise UnsupportedModel(
            f"{hf.source}: hidden_size ({hidden_size}) is no multiple of num_attention_heads ({num_heads})"
        )
    head_dim = hf.positive("head_dim", default=head_dim_default or hidden_size // num_heads)
    if head_dim % 2:
        raise UnsupportedModel(f"{hf.source}: 'head_dim' must be even for rotary embedding, not {head_dim}")
    hf.only("hidden_act", "silu")
    hf.only("partial_rotary_factor", 1.0, 1)
    hf.only("quantization_config", why="quantised checkpoints come with a later version")
    return ModelConfig(
        architecture=architecture,
        model_type=hf.read("model_type", str, ""),
        vocab_size=hf.positive("vocab_size"),
        hidden_size=hidden_size,
        intermediate_size=hf.positive("intermediate_size"),
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        rms_norm_eps=hf.read("rms_norm_eps", float, 1e-6),
        max_position=hf.positive("max_position_embeddings"),
        rope=read_rope(hf),
        windows=windows if windows is not None else (None,) * num_layers,
        qkv_bias=qkv_bias,
        output_bias=output_bias,
        mlp_bias=mlp_bias,
        qk_norm=qk_norm,
        tie_embeddings=hf.read("tie_word_embeddings", bool, False),
        checkpoint_dtype=_dtype_name(hf),
    )


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


def read_windows(hf: HfConfig, num_layers: int, window: int | None, first_sliding: int = 0) -> tuple[int | None, ...]:
    """Sliding window per layer from ``layer_types`` when given, else by layer index.

    Args:
        window: Window in tokens, or None when no layer slides.
        first_sliding: Without ``layer_types``, layers from this index on slide.
    """
    types = hf.raw("layer_types")
    if types is None:
        return tuple(window if index >= first_sliding else None for index in range(num_layers))
    if not isinstance(types, list) or len(types) != num_layers:
        raise UnsupportedModel(f"{hf.source}: 'layer_types' must list {num_layers} layers")
    known = {"full_attention", "sliding_attention"}
    unknown = [kind for kind in types if kind not in known]
    if unknown:
        raise UnsupportedModel(f"{hf.source}: layer type {unknown[0]!r} is not implemented; known: {sorted(known)}")
    if "sliding_attention" in types and window is None:
        raise UnsupportedModel(f"{hf.source}: 'layer_types' names sliding layers but 'sliding_window' is absent")
    return tuple(window if kind == "sliding_attention" else None for kind in types)


def _dtype_name(hf: HfConfig) -> str | None:
    name = hf.read("dtype", str, "") or hf.read("torch_dtype", str, "")
    return name.removeprefix("torch.") or None

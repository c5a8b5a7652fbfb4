"""The attention layers of any decoder, from its config.json: for an estimate of what a model would need.

Unlike a family's reader (`sgl.models`) it takes architectures that this version does not serve. It reads the fields
that Hugging Face configs share and refuses what it does not know (state-space and linear-attention layers, other
names for the fields) instead of guessing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.hf import HfConfig
from sgl.errors import UnsupportedModel
from sgl.plan.kv import HeadsKv, KvLayer, LatentKv

HEAD_DIMS: Final = {
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma3_text"), 256),
    "qwen3": 128,
    "gpt_oss": 64,
}
"""``head_dim`` where config.json leaves it out and it is not hidden_size / heads (transformers' config classes)."""
PERIODS: Final = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2}
"""Every n-th layer is a full one, where config.json says neither ``layer_types`` nor ``sliding_window_pattern``."""
FULL: Final = "full_attention"
WINDOWS: Final = {"sliding_attention": "sliding_window", "chunked_attention": "attention_chunk_size"}
"""Layer type -> the field with the tokens that it sees."""
MAX_WINDOW_LAYERS: Final = 28
"""Qwen's default: layers from this index on slide."""
OTHER_KINDS: Final = (
    *("mamba_d_state", "mamba_d_conv", "state_size", "ssm_cfg", "lru_width", "conv_L_cache"),
    *("layers_block_type", "attn_layer_period", "linear_num_key_heads", "cross_attention_layers", "multi_query"),
)
"""Fields of models with layers beside attention, or with KV heads that are named elsewhere."""


def read_kv_layers(hf: HfConfig) -> tuple[KvLayer, ...]:
    """What each layer of a model caches of a token.

    Raises:
        UnsupportedModel: A field is missing, or a kind of layer is not known.
    """
    text = hf.section("text_config") or hf  # Models that see and hear keep the decoder's fields apart.
    strange = next((name for name in OTHER_KINDS if text.has(name) and text.raw(name) is not False), None)
    if strange is not None:
        raise UnsupportedModel(f"{text.source}: what '{strange}' stands for is not known, so no cache can be planned")
    layers = text.positive("num_hidden_layers")
    if text.has("kv_lora_rank"):
        width = text.positive("kv_lora_rank") + text.positive("qk_rope_head_dim")
        width += text.read("index_head_dim", int, 0)  # DeepSeek-V3.2 keeps a key per token for its choice of tokens.
        return (LatentKv(width),) * layers
    heads = text.positive("num_attention_heads")
    kv_heads = text.positive("num_key_value_heads", default=heads)
    default = HEAD_DIMS.get(text.read("model_type", str, "")) or text.positive("hidden_size") // heads
    head_dim = text.positive("head_dim", default=default)
    return tuple(HeadsKv(kv_heads, head_dim, window) for window in _windows(text, layers))


def _windows(hf: HfConfig, layers: int) -> Iterator[int | None]:
    types = hf.raw("layer_types")
    if types is not None:
        if not isinstance(types, list) or len(types) != layers:
            raise UnsupportedModel(f"{hf.source}: 'layer_types' must list {layers} layers")
        for kind in types:
            yield _window_of(hf, kind)
        return
    model_type = hf.read("model_type", str, "")
    window = hf.positive("sliding_window") if hf.has("sliding_window") else None
    if not hf.read("use_sliding_window", bool, True):
        window = None
    first = hf.read("max_window_layers", int, MAX_WINDOW_LAYERS if model_type.startswith("qwen") else 0)
    period = hf.read("sliding_window_pattern", int, PERIODS.get(model_type, 0))
    for layer in range(layers):
        full = layer < first or (period > 0 and (layer + 1) % period == 0)
        yield None if full else window


def _window_of(hf: HfConfig, kind: object) -> int | None:
    if kind == FULL:
        return None
    field = WINDOWS.get(kind) if isinstance(kind, str) else None
    if field is None:
        raise UnsupportedModel(f"{hf.source}: layers of type {kind!r} are not known, so their cache cannot be planned")
    return hf.positive(field)

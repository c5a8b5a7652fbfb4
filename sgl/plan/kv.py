"""The KV cache of one rank: bytes per token, of every kind of attention layer.

`kv_layers` describes what the engine allocates. `read_kv_layers` reads the same from the config.json of
architectures that this version does not serve, for an estimate of what they would need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sgl.config.model import ModelConfig


@dataclass(frozen=True, slots=True)
class HeadsKv:
    """Keys and values by head (Vaswani et al. 2017; GQA, Ainslie et al. 2023).

    Attributes:
        heads: KV heads; ranks share them, and each keeps at least one.
        head_dim: Elements of one head's key, and of its value.
        window: Last tokens that a query sees, or None for all.
    """

    heads: int
    head_dim: int
    window: int | None = None

    def elements(self, tp: int) -> int:
        """Elements of one token on one rank."""
        return 2 * -(-self.heads // tp) * self.head_dim

    def scales(self, tp: int) -> int:
        """Scales of one token on one rank, where elements are rounded to 8 bits: one for each head of K and of V."""
        return 2 * -(-self.heads // tp)


@dataclass(frozen=True, slots=True)
class LatentKv:
    """One compressed vector for all heads (multi-head latent attention, DeepSeek-V2): every rank keeps all of it.

    Attributes:
        width: kv_lora_rank + qk_rope_head_dim.
    """

    width: int
    window: None = None

    def elements(self, tp: int) -> int:
        """Elements of one token on one rank."""
        return self.width

    def scales(self, tp: int) -> int:
        """Scales of one token: of the compressed part, and of the one with position."""
        return 2


KvLayer = HeadsKv | LatentKv


def kv_layers(model: ModelConfig) -> tuple[KvLayer, ...]:
    """The attention layers of a decoder that sgl serves."""
    if model.latent is not None:
        return (LatentKv(model.latent.cached_width),) * model.num_layers
    return tuple(HeadsKv(model.num_kv_heads, model.head_dim, window) for window in model.windows)


def token_bytes(layers: Iterable[KvLayer], element_bytes: int, tp: int = 1, scale_bytes: int = 0) -> int:
    """Bytes of one token over all layers on one rank, as the pool allocates them.

    Sliding layers count as whole ones: this version keeps their whole context, because a prefix can be shared only
    where nothing of it was dropped.
    """
    return sum(_layer_bytes(layer, element_bytes, tp, scale_bytes) for layer in layers)


def page_bytes(layers: Iterable[KvLayer], page_size: int, element_bytes: int, tp: int = 1, scale_bytes: int = 0) -> int:
    """Bytes of one page over all layers on one rank."""
    return page_size * token_bytes(layers, element_bytes, tp, scale_bytes)


def request_bytes(layers: Iterable[KvLayer], tokens: int, element_bytes: int, tp: int = 1, scale_bytes: int = 0) -> int:
    """Bytes that attention can still read of a request of ``tokens``: sliding layers count their window only.

    The difference to ``tokens * token_bytes(...)`` is what this version keeps and no later token reads.
    """
    return sum(
        min(tokens, layer.window or tokens) * _layer_bytes(layer, element_bytes, tp, scale_bytes) for layer in layers
    )


def _layer_bytes(layer: KvLayer, element_bytes: int, tp: int, scale_bytes: int) -> int:
    return element_bytes * layer.elements(tp) + scale_bytes * layer.scales(tp)


def sliding_note(layers: Sequence[KvLayer]) -> str | None:
    """One sentence on sliding layers for people who read a plan; None where nothing slides."""
    windows = sorted({layer.window for layer in layers if layer.window is not None})
    if not windows:
        return None
    count = sum(layer.window is not None for layer in layers)
    width = " or ".join(str(window) for window in windows)
    return f"{count} of {len(layers)} layers see the last {width} tokens only; this version keeps their whole context."

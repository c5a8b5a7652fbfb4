"""`Demand`: what is to be planned, and the one of decided settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sgl.config.devices import AttentionName
from sgl.config.model import ModelConfig
from sgl.config.sizes import ELEMENT_BYTES, kv_format
from sgl.plan.kv import kv_layers, page_bytes
from sgl.plan.place import Place

if TYPE_CHECKING:
    from sgl.config.engine import ResolvedConfig

SMALLEST_POOL: Final = 256
"""Tokens that a pool must hold to be worth starting with, or one whole request where that is less."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is to be planned; every "auto" is decided (`sgl.config.resolve`).

    Attributes:
        model: The decoder.
        place: Where each rank lives.
        tp: Ranks that share the model.
        element_bytes: Bytes of a weight and of an activation.
        kv_element_bytes: Bytes of an element of the KV cache.
        kv_dtype: Name of the KV cache's type where it is another than that of activations, for people.
        kv_scale_bytes: Bytes of the scale of each token's head in it; 0 where elements are not scaled.
        max_model_len: Most tokens of a prompt and its answer together.
        page_size: Tokens per KV page.
        chunk: Most tokens computed in one step.
        running: Most requests computed at once.
        fraction: Share of the place's memory for weights and KV pool together.
        max_total_tokens: Tokens of the KV pool, when they were asked for.
        float16: Two bytes are float16, which a CPU does not pack, and not bfloat16.
        deterministic: A CPU packs small weights, too.
        largest_graph: Largest batch of a CUDA graph; 0 is without graphs.
        attention: Whose kernels compute attention on a GPU.
        multiprocessors: Of the GPU; 0 where it is not known.
        drafts: Most guesses of a request that a step checks.
    """

    model: ModelConfig
    place: Place
    tp: int = 1
    element_bytes: int
    kv_element_bytes: int
    kv_scale_bytes: int = 0
    kv_dtype: str | None = None
    max_model_len: int
    page_size: int
    chunk: int
    running: int
    fraction: float
    max_total_tokens: int | None = None
    float16: bool = False
    deterministic: bool = False
    largest_graph: int = 0
    attention: AttentionName = "triton"
    multiprocessors: int = 0
    drafts: int = 0

    @property
    def largest_batch(self) -> int:
        """Most requests of a step, padding included."""
        return max(self.running, self.largest_graph)

    @property
    def drawn_rows(self) -> int:
        """Most tokens that are drawn in a step: one of each request, and one behind each of its guesses."""
        return most_drawn(self.running, self.drafts, self.chunk)

    @property
    def kv_page_bytes(self) -> int:
        """Bytes of one page of the KV cache over all layers on one rank."""
        layers = kv_layers(self.model)
        return page_bytes(layers, self.page_size, self.kv_element_bytes, self.tp, self.kv_scale_bytes)

    @property
    def useful_pages(self) -> int:
        """Pages that all running requests take at full context."""
        return self.running * -(-self.max_model_len // self.page_size)

    @property
    def fewest_pages(self) -> int:
        """Pages without which nothing useful can be served."""
        return -(-min(self.max_model_len, SMALLEST_POOL) // self.page_size)

    def in_bfloat16(self) -> Demand:
        """The same with weights, activations and the KV cache in bfloat16."""
        kv_bytes = 2 if self.kv_element_bytes == self.element_bytes else self.kv_element_bytes
        return replace(self, element_bytes=2, kv_element_bytes=kv_bytes, float16=False)


def demand(resolved: ResolvedConfig, model: ModelConfig, place: Place, *, tp: int = 1) -> Demand:
    """What an engine with these settings takes of ``place``.

    Args:
        tp: Ranks that share the model; `ResolvedConfig` knows one, which is what this version runs.
    """
    element_bytes = ELEMENT_BYTES[resolved.dtype]
    kv = kv_format(resolved.kv_cache_dtype)
    return Demand(
        model=model,
        place=place,
        tp=tp,
        element_bytes=element_bytes,
        kv_element_bytes=kv.element_bytes,
        kv_scale_bytes=kv.scale_bytes,
        kv_dtype=None if resolved.kv_cache_dtype == resolved.dtype else resolved.kv_cache_dtype,
        max_model_len=resolved.max_model_len,
        page_size=resolved.page_size,
        chunk=resolved.chunked_prefill_size,
        running=resolved.max_running_requests,
        fraction=resolved.mem_fraction_static,
        max_total_tokens=resolved.max_total_tokens,
        float16=resolved.dtype == "float16",
        deterministic=resolved.deterministic,
        largest_graph=resolved.cuda_graph_max_bs,
        attention=resolved.attention_backend,
        multiprocessors=resolved.multiprocessors,
        drafts=resolved.draft_tokens if resolved.speculative else 0,
    )


def most_drawn(running: int, drafts: int, chunk: int) -> int:
    """Most tokens that are drawn in a step of at most ``chunk`` tokens, in which every request may have guesses."""
    return max(running, min(chunk, running * (1 + drafts)))

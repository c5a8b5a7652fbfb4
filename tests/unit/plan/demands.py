"""Demands for tests: a model of 22 layers on a machine of any size."""

from __future__ import annotations

from typing import Any, Final

from sgl.plan.demand import Demand
from sgl.plan.place import Place, PlaceKind
from tests.unit.plan.checkpoints import model_of

GIB: Final = 2**30
MODEL: Final = model_of(
    "llama",
    vocab_size=32000,
    hidden_size=2048,
    intermediate_size=5632,
    num_hidden_layers=22,
    num_attention_heads=32,
    num_key_value_heads=4,
    max_position_embeddings=32768,
    dtype="bfloat16",
)
"""TinyLlama's shape: 4.1 GiB of weights in float32, 44 KiB of KV cache per token (22 KiB in bfloat16)."""


def place(memory: float, available: float | None = None, kind: PlaceKind = "cpu") -> Place:
    """Memory in GiB."""
    free = memory if available is None else available
    return Place(kind=kind, name="a place", memory_bytes=int(memory * GIB), available_bytes=int(free * GIB))


def demand_of(where: Place, **changes: Any) -> Demand:
    """A demand with sgl's defaults on a CPU."""
    element_bytes = changes.pop("element_bytes", 4)
    fields: dict[str, Any] = {
        "model": MODEL,
        "place": where,
        "element_bytes": element_bytes,
        "kv_element_bytes": element_bytes,
        "max_model_len": 2048,
        "page_size": 16,
        "chunk": 512,
        "running": 64,
        "fraction": 0.5,
        **changes,
    }
    return Demand(**fields)

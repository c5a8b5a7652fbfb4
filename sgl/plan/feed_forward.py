"""Intermediate tensors of a feed-forward block, one of experts or a plain one, and the widths of its matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.experts import ExpertsConfig
from sgl.config.model import ModelConfig

SCORES: Final = 4
"""Float32 logits, scores, those that closed groups leave, and a copy of a router."""
ROUTE_BYTES: Final = 8 + 8 + 8 + 4 + 4
"""Of one token and one of its experts: number, place in the sorted order, token, weight, and that sorted."""


def feed_forward_bytes(model: ModelConfig, tokens: int, element_bytes: int, tp: int = 1) -> int:
    """Peak of one rank's intermediate tensors of ``tokens`` tokens, beside the residual stream and its norm."""
    widest = max(inner_widths(model, tp))
    inner = tokens * 3 * widest * element_bytes  # gate and up, and their product
    return inner if model.experts is None else inner + _routed_bytes(model, model.experts, tokens, element_bytes)


def inner_widths(model: ModelConfig, tp: int = 1) -> Iterator[int]:
    """Inner widths of the blocks on one rank: of plain layers, of one expert, of the shared expert."""
    experts = model.experts
    if experts is None or not all(experts.layers):
        yield -(-model.intermediate_size // tp)
    if experts is not None:
        yield -(-experts.intermediate_size // tp)
        yield -(-experts.shared_size // tp)


def _routed_bytes(model: ModelConfig, experts: ExpertsConfig, tokens: int, element_bytes: int) -> int:
    """The router's tensors, one expert's rows, which may be all tokens, and the float32 sum over experts."""
    routes = tokens * (experts.chosen * ROUTE_BYTES + experts.count * SCORES * 4)
    rows = 2 * element_bytes + 4  # what an expert reads, its result, and that weighted
    return routes + tokens * model.hidden_size * (rows + 4)

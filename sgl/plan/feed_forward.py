"""Intermediate tensors of a feed-forward block, one of experts or a plain one, and the widths of its matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.devices import DeviceName
from sgl.config.experts import ExpertsConfig
from sgl.config.model import ModelConfig

SCORES: Final = 4
"""Float32 logits, scores, those that closed groups leave, and a copy of a router."""
ROUTE_BYTES: Final = 8 + 8 + 8 + 4 + 4
"""Of one token and one of its experts: number, place in the sorted order, token, weight, and that sorted."""
TOGETHER_BYTES: Final = 4 + 4 + 8
"""The same where all experts are multiplied together: number, weight, and the sorted order with blocks filled up."""


def feed_forward_bytes(
    model: ModelConfig, tokens: int, element_bytes: int, tp: int = 1, device: DeviceName = "cpu"
) -> int:
    """Peak of one rank's intermediate tensors of ``tokens`` tokens, beside the residual stream and its norm."""
    widest = max(inner_widths(model, tp))
    inner = tokens * 3 * widest * element_bytes  # gate and up, and their product
    if model.experts is None:
        return inner
    if device == "cuda":
        return inner + _together_bytes(model, model.experts, tokens, element_bytes, tp)
    return inner + _routed_bytes(model, model.experts, tokens, element_bytes)


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


def _together_bytes(model: ModelConfig, experts: ExpertsConfig, tokens: int, element_bytes: int, tp: int) -> int:
    """The router's float32 input and logits, and rows of every token's every expert: before and behind the activation,
    or behind it and of the hidden size; and their sum (`sgl.kernels.triton.experts`)."""
    inner = -(-experts.intermediate_size // tp)
    rows = max((2 if model.gated else 1) * inner, model.hidden_size) + inner
    each = experts.chosen * (TOGETHER_BYTES + rows * element_bytes)
    return tokens * (each + 4 * (model.hidden_size + experts.count) + model.hidden_size * element_bytes)

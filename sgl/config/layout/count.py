"""How many parameters a model has."""

from __future__ import annotations

from sgl.config.layout.decoder import layer_weights, weights
from sgl.config.layout.group import ExpertWeights, parts
from sgl.config.layout.weight import elements
from sgl.config.model import ModelConfig


def parameter_count(model: ModelConfig) -> int:
    """Parameters of the model; a tied head counts once."""
    return sum(map(elements, weights(model)))


def active_parameter_count(model: ModelConfig) -> int:
    """Parameters that compute one token: of the experts only those that are chosen."""
    experts = model.experts
    if experts is None:
        return parameter_count(model)
    layer = layer_weights(model, experts.layers.index(True)) if any(experts.layers) else None
    mlp = None if layer is None else layer.mlp
    if not isinstance(mlp, ExpertWeights):
        return parameter_count(model)
    routed = sum(map(elements, parts((mlp.experts, mlp.gate_up, mlp.down))))
    idle = sum(experts.layers) * routed * (experts.count - experts.chosen) // experts.count
    return parameter_count(model) - idle

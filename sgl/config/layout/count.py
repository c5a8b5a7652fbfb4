"""How many parameters a model has."""

from __future__ import annotations

from sgl.config.layout.decoder import counted_weights, layer_weights
from sgl.config.layout.group import ExpertWeights, parts
from sgl.config.layout.weight import elements
from sgl.config.model import ModelConfig


def parameter_count(model: ModelConfig) -> int:
    """Parameters of the model; a tied head counts once."""
    return sum(times * elements(weight) for weight, times in counted_weights(model))


def active_parameter_count(model: ModelConfig) -> int:
    """Parameters that compute one token: of the experts only those that are chosen."""
    experts = model.experts
    idle = 0 if experts is None else expert_parameter_count(model) * (experts.count - experts.chosen)
    return parameter_count(model) - idle


def expert_parameter_count(model: ModelConfig) -> int:
    """Parameters of one expert in each layer that has them, together; the shared expert is none of them."""
    experts = model.experts
    if experts is None or not any(experts.layers):
        return 0
    mlp = layer_weights(model, experts.layers.index(True)).mlp
    assert isinstance(mlp, ExpertWeights), "the layer is one that has experts"
    routed = sum(map(elements, parts((mlp.experts, mlp.gate_up, mlp.down))))
    return sum(experts.layers) * routed // experts.count

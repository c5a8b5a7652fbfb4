"""`ExpertsConfig`: a mixture of experts as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sgl.errors import UnsupportedModel

Score = Literal["softmax", "sigmoid"]


@dataclass(frozen=True, kw_only=True)
class ExpertsConfig:
    """Feed-forward blocks of which a router chooses a few for each token (Shazeer et al. 2017).

    Attributes:
        count: Experts of a layer.
        chosen: Experts that compute a token.
        intermediate_size: Inner width of one expert.
        layers: Per layer, whether it has experts; the others have one feed-forward block.
        score: How router logits become scores. Softmax over all experts with ``normalize`` is the softmax over the
            chosen ones (Mixtral, GPT-OSS).
        normalize: The chosen scores are divided by their sum.
        scale: The weights of the chosen are multiplied with it.
        groups: Experts lie in so many groups, and only experts of ``chosen_groups`` are chosen (DeepSeek).
        chosen_groups: See ``groups``.
        group_top: A group's score is the sum of so many of its best experts' scores: 1 in DeepSeek-V2, 2 in V3.
        correction: A bias per expert is added to the scores for the choice, not for the weights (DeepSeek-V3).
        router_bias: The router's projection has a bias (GPT-OSS).
        bias: The experts' projections have biases (GPT-OSS).
        stacked: One checkpoint tensor holds a projection of all experts: [count, inputs, outputs], gate and up
            alternate (GPT-OSS).
        shared_size: Inner width of the expert that computes every token; 0 for none.
        shared_gate: The shared expert's result is multiplied with a sigmoid of its own gate (Qwen2-MoE).
    """

    count: int
    chosen: int
    intermediate_size: int
    layers: tuple[bool, ...]
    score: Score = "softmax"
    normalize: bool = True
    scale: float = 1.0
    groups: int = 1
    chosen_groups: int = 1
    group_top: int = 1
    correction: bool = False
    router_bias: bool = False
    bias: bool = False
    stacked: bool = False
    shared_size: int = 0
    shared_gate: bool = False


def checked(experts: ExpertsConfig, source: str) -> ExpertsConfig:
    """``experts``, whose numbers fit together.

    Raises:
        UnsupportedModel: They do not; names ``source``.
    """
    size = experts.count // experts.groups
    allowed = experts.chosen_groups * size
    if experts.count % experts.groups:
        problem = f"{experts.count} experts cannot be divided into {experts.groups} groups"
    elif not 0 < experts.chosen_groups <= experts.groups:
        problem = f"{experts.chosen_groups} of {experts.groups} groups of experts cannot be chosen"
    elif experts.groups > 1 and experts.group_top > size:
        problem = f"a group of {size} experts has no best {experts.group_top}"
    elif experts.chosen > allowed:
        problem = f"{experts.chosen} experts for each token cannot be chosen of {allowed}"
    else:
        return experts
    raise UnsupportedModel(f"{source}: {problem}")

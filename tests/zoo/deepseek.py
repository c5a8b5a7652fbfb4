"""DeepSeek V2 and V3: latent attention, with every way of choosing experts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from transformers import (
    DeepseekV2Config,
    DeepseekV2ForCausalLM,
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    PreTrainedModel,
)

from tests.zoo.family import SHAPE, Family

LATENT: Final[dict[str, Any]] = {
    **SHAPE,
    "num_key_value_heads": 4,
    "kv_lora_rank": 24,
    "q_lora_rank": 20,
    "qk_nope_head_dim": 10,
    "qk_rope_head_dim": 6,
    "v_head_dim": 12,
}
"""No two widths are the same, and a cached vector is wide enough that prompts are expanded."""
EXPERTS: Final[dict[str, Any]] = {
    "moe_intermediate_size": 16,
    "n_routed_experts": 8,
    "num_experts_per_tok": 3,
    "n_shared_experts": 2,
    "first_k_dense_replace": 1,
}
YARN: Final[dict[str, Any]] = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "original_max_position_embeddings": 32,
    "beta_fast": 32,
    "beta_slow": 1,
    "mscale": 0.707,
    "mscale_all_dim": 1.0,
}


def v2(**changes: Any) -> Callable[[], PreTrainedModel]:
    """A tiny V2."""
    return lambda: DeepseekV2ForCausalLM(DeepseekV2Config(**{**LATENT, **EXPERTS, **changes}))


def v3(**changes: Any) -> Callable[[], PreTrainedModel]:
    """A tiny V3, whose correction is large enough to change choices."""

    def make() -> PreTrainedModel:
        model = DeepseekV3ForCausalLM(DeepseekV3Config(**{**LATENT, **EXPERTS, **changes}))
        for name, buffer in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                torch.nn.init.normal_(buffer, 0.0, 0.3)
        return model

    return make


DEEPSEEK: Final = (
    Family("deepseek-v2-lite", v2(q_lora_rank=None, routed_scaling_factor=1.5)),
    Family(
        "deepseek-v2-groups-yarn",
        v2(
            topk_method="group_limited_greedy",
            n_group=4,
            topk_group=2,
            routed_scaling_factor=4.0,
            rope_parameters=YARN,
            attention_bias=True,
        ),
    ),
    Family("deepseek-v3", v3(n_group=4, topk_group=2, rope_parameters=YARN)),
    Family(
        "deepseek-v3-halves-dense",
        v3(
            q_lora_rank=None,
            rope_interleave=False,
            v_head_dim=20,
            first_k_dense_replace=3,
            attention_bias=True,
            tie_word_embeddings=True,
        ),
    ),
    Family(
        "deepseek-v3-one-group",
        v3(n_group=1, topk_group=1, norm_topk_prob=False, routed_scaling_factor=0.7, rms_norm_eps=1e-2),
    ),
)

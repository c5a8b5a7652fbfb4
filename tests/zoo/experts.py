"""Families with experts.

save_pretrained writes them under the names that the hub has: one tensor for each expert and projection
(block_sparse_moe.experts.N.w1 in Mixtral, mlp.experts.N.gate_proj in Qwen's), all experts of a layer in one in GPT-OSS.
"""

from __future__ import annotations

from typing import Any, Final

from transformers import (
    GptOssConfig,
    GptOssForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from tests.zoo.family import SHAPE, Family

ROUTERS: Final = ("mlp.gate.weight", "mlp.router.weight")
"""Ends of names: drawn wider than other weights, so that rounding does not change which experts are chosen."""
YARN_ROPE: Final[dict[str, Any]] = {
    "rope_type": "yarn",
    "rope_theta": 150000.0,
    "factor": 4.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 64,
}
MIXED: Final[dict[str, Any]] = {**SHAPE, "num_experts": 8, "moe_intermediate_size": 24}

EXPERTS: Final = (
    Family("mixtral", lambda: MixtralForCausalLM(MixtralConfig(**SHAPE, num_local_experts=4))),
    Family("mixtral-window", lambda: MixtralForCausalLM(MixtralConfig(**SHAPE, num_local_experts=4, sliding_window=9))),
    Family(
        "qwen2-moe",
        lambda: Qwen2MoeForCausalLM(Qwen2MoeConfig(**MIXED, num_experts_per_tok=3, shared_expert_intermediate_size=40)),
    ),
    Family(
        "qwen2-moe-window-sparse",
        lambda: Qwen2MoeForCausalLM(
            Qwen2MoeConfig(
                **MIXED,
                num_experts_per_tok=2,
                shared_expert_intermediate_size=40,
                norm_topk_prob=True,
                qkv_bias=False,
                decoder_sparse_step=2,
                use_sliding_window=True,
                sliding_window=9,
                max_window_layers=2,
            )
        ),
    ),
    Family(
        "qwen3-moe",
        lambda: Qwen3MoeForCausalLM(Qwen3MoeConfig(**MIXED, num_experts_per_tok=3, norm_topk_prob=True, head_dim=16)),
    ),
    Family(
        "qwen3-moe-window-dense-layer",
        lambda: Qwen3MoeForCausalLM(
            Qwen3MoeConfig(
                **MIXED,
                num_experts_per_tok=2,
                mlp_only_layers=[1],
                attention_bias=True,
                use_sliding_window=True,
                sliding_window=9,
            )
        ),
    ),
    Family(
        "gpt-oss",
        lambda: GptOssForCausalLM(
            GptOssConfig(
                **SHAPE,
                num_local_experts=6,
                num_experts_per_tok=3,
                head_dim=16,
                sliding_window=9,
                rope_parameters=YARN_ROPE,
            )
        ),
    ),
)

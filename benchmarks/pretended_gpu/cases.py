"""Models and settings that engines are started with: each takes ways of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.gpu_acceptance.roofline import read_config

LAYERS: Final = 2
"""All layers of a kind launch alike."""
WISHES: Final[dict[str, Any]] = {
    "load_format": "dummy",
    "max_total_tokens": 1 << 16,
    "max_running_requests": 128,
    "threads": 1,
}
BRIEF: Final[dict[str, Any]] = {"max_running_requests": 20}
GEMMA_2: Final[dict[str, Any]] = {
    "architectures": ["Gemma2ForCausalLM"],
    "model_type": "gemma2",
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 3584,
    "intermediate_size": 14336,
    "num_hidden_layers": 42,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 256,
    "vocab_size": 256000,
    "max_position_embeddings": 8192,
    "sliding_window": 4096,
    "query_pre_attn_scalar": 256,
    "attn_logit_softcapping": 50.0,
    "final_logit_softcapping": 30.0,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
GPT_OSS: Final[dict[str, Any]] = {
    "architectures": ["GptOssForCausalLM"],
    "model_type": "gpt_oss",
    "hidden_act": "silu",
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 201088,
    "max_position_embeddings": 131072,
    "initial_context_length": 4096,
    "sliding_window": 128,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "swiglu_limit": 7.0,
    "rms_norm_eps": 1e-5,
    "rope_theta": 150000,
    "rope_scaling": {
        "rope_type": "yarn",
        "factor": 32.0,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "truncate": False,
        "original_max_position_embeddings": 4096,
    },
    "attention_bias": True,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "eos_token_id": 200002,
    "pad_token_id": 199999,
    "quantization_config": {
        "quant_method": "mxfp4",
        "modules_to_not_convert": [
            "model.layers.*.self_attn",
            "model.layers.*.mlp.router",
            "model.embed_tokens",
            "lm_head",
        ],
    },
}
QWEN_3_MOE: Final[dict[str, Any]] = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "hidden_act": "silu",
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "moe_intermediate_size": 768,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "norm_topk_prob": True,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "attention_bias": False,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 151643,
    "eos_token_id": 151645,
}
DEEPSEEK_V3: Final[dict[str, Any]] = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "hidden_act": "silu",
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "n_group": 8,
    "topk_group": 4,
    "topk_method": "noaux_tc",
    "scoring_func": "sigmoid",
    "norm_topk_prob": True,
    "routed_scaling_factor": 2.5,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "vocab_size": 129280,
    "max_position_embeddings": 163840,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000,
    "rope_scaling": {
        "type": "yarn",
        "factor": 40,
        "beta_fast": 32,
        "beta_slow": 1,
        "mscale": 1.0,
        "mscale_all_dim": 1.0,
        "original_max_position_embeddings": 4096,
    },
    "attention_bias": False,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 0,
    "eos_token_id": 1,
    "quantization_config": {
        "quant_method": "fp8",
        "fmt": "e4m3",
        "activation_scheme": "dynamic",
        "weight_block_size": [128, 128],
    },
}
AWQ: Final[dict[str, Any]] = {
    "quant_method": "awq",
    "bits": 4,
    "group_size": 128,
    "zero_point": True,
    "version": "gemm",
    "modules_to_not_convert": None,
}
GPTQ: Final[dict[str, Any]] = {
    "quant_method": "gptq",
    "bits": 4,
    "group_size": 128,
    "desc_act": False,
    "sym": True,
}
LLAMA: Final = read_config("llama-3.1-8b")
QWEN_3: Final = read_config("qwen3-0.6b")


@dataclass(frozen=True)
class Case:
    """One engine.

    Attributes:
        config: Fields of config.json.
        wishes: Fields of `EngineConfig`, beside `WISHES`.
        number: What a number on the device is when the loader looks at it: 0 where it asks whether one is wrong, 1
            where it asks whether any zero point is not in the middle.
    """

    name: str
    config: Mapping[str, Any]
    wishes: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


CASES: Final = (
    Case("llama", LLAMA),
    Case("llama as it comes", LLAMA, {"max_total_tokens": None, "max_running_requests": None}),
    Case("llama fp8", LLAMA, {"quantization": "fp8"}),
    Case("llama int8", LLAMA, {"quantization": "int8"}),
    Case("llama int4", LLAMA, {"quantization": "int4"}, number=1),
    Case("llama awq", {**LLAMA, "quantization_config": AWQ}, number=1),
    Case("llama gptq", {**LLAMA, "quantization_config": GPTQ}),
    Case("llama cache fp8", LLAMA, {"kv_cache_dtype": "fp8_e4m3"}),
    Case("llama cache int8", LLAMA, {"kv_cache_dtype": "int8"}),
    Case("llama no graphs", LLAMA, {"cuda_graph_max_bs": 0}),
    Case("llama one by one", LLAMA, {"overlap": False, "page_size": 1}),
    Case("llama deterministic", LLAMA, {"deterministic": True}),
    Case("llama drafts", LLAMA, {"speculative": "ngram", "draft_tokens": 3}),
    Case("llama float16", LLAMA, {"dtype": "float16"}),
    Case("qwen3", QWEN_3),
    Case("qwen3 drafts", QWEN_3, {"speculative": "ngram", "draft_tokens": 4}),
    Case("gemma2", GEMMA_2),
    Case("gemma2 cache fp8", GEMMA_2, {"kv_cache_dtype": "fp8_e4m3"}),
    Case("gpt-oss", GPT_OSS),
    Case("qwen3-moe", QWEN_3_MOE),
    Case("qwen3-moe fp8", QWEN_3_MOE, {"quantization": "fp8"}),
    Case("qwen3-moe deterministic", QWEN_3_MOE, {"deterministic": True}),
    Case("qwen3-moe drafts", QWEN_3_MOE, {"speculative": "ngram"}),
    Case("deepseek", DEEPSEEK_V3),
    Case("deepseek cache int8", DEEPSEEK_V3, {"kv_cache_dtype": "int8"}),
    Case("deepseek deterministic", DEEPSEEK_V3, {"deterministic": True}),
)

"""Families without experts that differ from Llama: Gemma, OLMo 2, GLM-4, Phi-3, GPT-2."""

from __future__ import annotations

from typing import Any, Final

from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    Glm4Config,
    Glm4ForCausalLM,
    GlmConfig,
    GlmForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    Olmo2Config,
    Olmo2ForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
)

from tests.zoo.family import SHAPE, VOCAB, Family

SLIDING: Final = "sliding_attention"
FULL: Final = "full_attention"
PAD: Final[dict[str, Any]] = {"pad_token_id": 0}
"""The families' own default is beyond this vocabulary."""
GEMMA: Final[dict[str, Any]] = {**SHAPE, **PAD, "head_dim": 20}
GEMMA2: Final[dict[str, Any]] = {**GEMMA, "query_pre_attn_scalar": 33, "sliding_window": 9}
GEMMA3: Final[dict[str, Any]] = {
    **GEMMA2,
    "layer_types": [SLIDING, FULL, SLIDING],
    "rope_parameters": {
        FULL: {"rope_type": "linear", "factor": 4.0, "rope_theta": 50000.0},
        SLIDING: {"rope_type": "default", "rope_theta": 1000.0},
    },
}
GPT2: Final[dict[str, Any]] = {
    "vocab_size": VOCAB,
    "n_positions": 256,
    "n_embd": 48,
    "n_layer": 3,
    "n_head": 4,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
EYES: Final[dict[str, Any]] = {
    "model_type": "siglip_vision_model",
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
    "vision_use_head": False,
}


def gemma3_that_sees() -> Gemma3ForConditionalGeneration:
    """A language model of Gemma 3 with the smallest eyes."""
    tokens = {"boi_token_index": 3, "eoi_token_index": 4, "image_token_index": VOCAB - 1}
    return Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=GEMMA3, vision_config=EYES, mm_tokens_per_image=4, **tokens)
    )


DENSE: Final = (
    Family("gemma", lambda: GemmaForCausalLM(GemmaConfig(**GEMMA))),
    Family(
        "gemma-biases-untied",
        lambda: GemmaForCausalLM(GemmaConfig(**GEMMA, attention_bias=True, tie_word_embeddings=False)),
    ),
    Family(
        "gemma2",
        lambda: Gemma2ForCausalLM(Gemma2Config(**GEMMA2, attn_logit_softcapping=3.0, final_logit_softcapping=8.0)),
    ),
    Family(
        "gemma2-without-caps",
        lambda: Gemma2ForCausalLM(
            Gemma2Config(
                **GEMMA2,
                layer_types=[FULL, SLIDING, SLIDING],
                attn_logit_softcapping=None,
                final_logit_softcapping=None,
            )
        ),
    ),
    Family("gemma3", lambda: Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA3))),
    Family("gemma3-that-sees", gemma3_that_sees),
    Family("olmo2", lambda: Olmo2ForCausalLM(Olmo2Config(**SHAPE, **PAD))),
    Family("glm", lambda: GlmForCausalLM(GlmConfig(**SHAPE, **PAD, head_dim=20, attention_bias=False))),
    Family(
        "glm4",
        lambda: Glm4ForCausalLM(Glm4Config(**SHAPE, **PAD, head_dim=24, partial_rotary_factor=0.75)),
    ),
    Family("phi3", lambda: Phi3ForCausalLM(Phi3Config(**SHAPE, **PAD, sliding_window=11))),
    Family(
        "phi4-mini",
        lambda: Phi3ForCausalLM(Phi3Config(**SHAPE, **PAD, partial_rotary_factor=0.5, tie_word_embeddings=True)),
    ),
    Family("gpt2", lambda: GPT2LMHeadModel(GPT2Config(**GPT2))),
    Family(
        "gpt2-untied",
        lambda: GPT2LMHeadModel(
            GPT2Config(
                **GPT2, n_inner=72, activation_function="gelu", scale_attn_weights=False, tie_word_embeddings=False
            )
        ),
    ),
)

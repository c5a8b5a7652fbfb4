"""Rope scaling: the kinds that the rows of other files do not have."""

from __future__ import annotations

from typing import Any, Final

from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM

from tests.zoo.family import SHAPE, Family

YARN: Final[dict[str, Any]] = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32}
LONGROPE: Final[dict[str, Any]] = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.1, 1.3, 1.4],
    "long_factor": [1.2, 2.5, 6.0, 9.0],
}
"""For heads of 12 of which 8 are rotated."""


def dynamic(max_position: int = 256) -> LlamaForCausalLM:
    """NTK scaling of a context of ``max_position``."""
    shape = {**SHAPE, "max_position_embeddings": max_position}
    scaling = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
    return LlamaForCausalLM(LlamaConfig(**shape, rope_parameters=scaling))


def longrope(original: int, **scaling: float) -> Phi3ForCausalLM:
    """LongRoPE from ``original`` positions to 256, on a part of each head."""
    return Phi3ForCausalLM(
        Phi3Config(
            **SHAPE,
            pad_token_id=0,
            original_max_position_embeddings=original,
            rope_parameters={**LONGROPE, "rope_theta": 10000.0, "partial_rotary_factor": 0.7, **scaling},
        )
    )


ROPE: Final = (
    Family("llama-dynamic", dynamic),
    Family("llama-yarn", lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters={**YARN, "rope_theta": 1e4}))),
    Family(
        "qwen2-yarn",
        lambda: Qwen2ForCausalLM(
            Qwen2Config(**SHAPE, rope_parameters={**YARN, "rope_theta": 1e6, "mscale": 0.7, "mscale_all_dim": 1.4})
        ),
    ),
    Family("phi3-longrope-short", lambda: longrope(256, factor=4.0)),
    # From the second token on every context is long, and the first one's angle is 0 whatever its frequencies.
    Family("phi3-longrope-long", lambda: longrope(1, attention_factor=1.2)),
)

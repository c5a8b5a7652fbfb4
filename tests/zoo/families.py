"""Tiny random checkpoints of every supported family, made by transformers, which is also the reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.zoo.deepseek import DEEPSEEK
from tests.zoo.dense import DENSE
from tests.zoo.experts import EXPERTS, ROUTERS
from tests.zoo.family import SHAPE, Family
from tests.zoo.rope import ROPE

LLAMA3_ROPE: Final[dict[str, Any]] = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}

FAMILIES: Final = (
    Family("llama", lambda: LlamaForCausalLM(LlamaConfig(**SHAPE))),
    Family(
        "llama-biases-tied",
        lambda: LlamaForCausalLM(
            LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, head_dim=16)
        ),
    ),
    Family("llama3.1-rope", lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=LLAMA3_ROPE))),
    Family(
        "llama-linear-rope",
        lambda: LlamaForCausalLM(
            LlamaConfig(**SHAPE, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0})
        ),
    ),
    Family("mistral-window", lambda: MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=11))),
    Family("mistral", lambda: MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=None))),
    Family("qwen2", lambda: Qwen2ForCausalLM(Qwen2Config(**SHAPE))),
    Family(
        "qwen2-window",
        lambda: Qwen2ForCausalLM(Qwen2Config(**SHAPE, use_sliding_window=True, sliding_window=9, max_window_layers=1)),
    ),
    Family("qwen3", lambda: Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=16, tie_word_embeddings=True))),
    *DEEPSEEK,
    *DENSE,
    *ROPE,
    *EXPERTS,
)


def make_checkpoint(family: Family, folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Saves a random model of the family and returns it as the reference.

    Weights are drawn wide enough that greedy answers wander and every parameter matters.
    """
    torch.manual_seed(sum(family.name.encode()))
    model = family.make().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(ROUTERS):
                parameter.normal_(0.0, 1.0)
            elif parameter.dim() == 1 and ("norm" in name or "ln_" in name) and name.endswith("weight"):
                parameter.uniform_(0.6, 1.4)
            elif parameter.dim() == 1:
                parameter.normal_(0.0, 0.3)
            else:
                parameter.normal_(0.0, 0.25)
    model = model.to(dtype)
    model.save_pretrained(folder)
    return model


@torch.no_grad()
def greedy(model: PreTrainedModel, prompt: Sequence[int], count: int) -> list[int]:
    """transformers' own greedy answer, end tokens ignored."""
    ids = torch.tensor([list(prompt)])
    answer = model.generate(  # type: ignore[operator]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False, eos_token_id=-1, pad_token_id=0
    )
    result: list[int] = answer[0, len(prompt) :].tolist()
    return result


@torch.no_grad()
def logprobs(model: PreTrainedModel, ids: Sequence[int]) -> list[float]:
    """Natural-log probability of each token after the first, given those before it."""
    logits = model(torch.tensor([list(ids)])).logits[0].float()
    table = torch.log_softmax(logits[:-1], dim=-1)
    values: list[float] = table.gather(1, torch.tensor(list(ids[1:])).unsqueeze(1)).squeeze(1).tolist()
    return values

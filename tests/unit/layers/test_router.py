"""The router against those of transformers, on random hidden states."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import DeepseekV2Config, DeepseekV3Config, GptOssConfig, MixtralConfig, Qwen2MoeConfig, Qwen3MoeConfig
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2TopkRouter
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3TopkRouter
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssTopKRouter
from transformers.models.mixtral.modeling_mixtral import MixtralTopKRouter
from transformers.models.qwen2_moe.modeling_qwen2_moe import Qwen2MoeTopKRouter
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeTopKRouter

from sgl.config.experts import ExpertsConfig, checked
from sgl.errors import UnsupportedModel
from sgl.layers.router import route

WIDTH = 24
TOKENS = 200


def config_of(**values: Any) -> ExpertsConfig:
    return ExpertsConfig(**{"count": 16, "chosen": 4, "intermediate_size": 8, "layers": (True,), **values})


def qwen(kind: type, router: type, normalize: bool) -> nn.Module:
    config = kind(hidden_size=WIDTH, num_experts=16, num_experts_per_tok=4, norm_topk_prob=normalize)
    return router(config)  # type: ignore[no-any-return]


def deepseek_v2(**values: Any) -> nn.Module:
    fields = {"n_routed_experts": 16, "num_experts_per_tok": 4, "routed_scaling_factor": 2.5, **values}
    return DeepseekV2TopkRouter(DeepseekV2Config(hidden_size=WIDTH, num_attention_heads=4, **fields))


def deepseek_v3(normalize: bool) -> nn.Module:
    config = DeepseekV3Config(
        hidden_size=WIDTH,
        n_routed_experts=16,
        num_experts_per_tok=4,
        n_group=4,
        topk_group=2,
        routed_scaling_factor=2.5,
        norm_topk_prob=normalize,
    )
    return DeepseekV3TopkRouter(config)


MIXTRAL = MixtralConfig(hidden_size=WIDTH, num_local_experts=16, num_experts_per_tok=4)
GPT_OSS = GptOssConfig(hidden_size=WIDTH, num_local_experts=16, num_experts_per_tok=4)
SIGMOID = {"score": "sigmoid", "groups": 4, "chosen_groups": 2, "group_top": 2, "scale": 2.5, "correction": True}
CASES: dict[str, tuple[Any, ExpertsConfig]] = {
    "mixtral": (lambda: MixtralTopKRouter(MIXTRAL), config_of()),
    "gpt-oss": (lambda: GptOssTopKRouter(GPT_OSS), config_of()),
    "qwen2": (lambda: qwen(Qwen2MoeConfig, Qwen2MoeTopKRouter, False), config_of(normalize=False)),
    "qwen2-normalized": (lambda: qwen(Qwen2MoeConfig, Qwen2MoeTopKRouter, True), config_of()),
    "qwen3": (lambda: qwen(Qwen3MoeConfig, Qwen3MoeTopKRouter, False), config_of(normalize=False)),
    "qwen3-normalized": (lambda: qwen(Qwen3MoeConfig, Qwen3MoeTopKRouter, True), config_of()),
    "deepseek-v2": (lambda: deepseek_v2(topk_method="greedy"), config_of(normalize=False, scale=2.5)),
    "deepseek-v2-groups": (
        lambda: deepseek_v2(topk_method="group_limited_greedy", n_group=4, topk_group=2),
        config_of(normalize=False, scale=2.5, groups=4, chosen_groups=2),
    ),
    "deepseek-v3": (lambda: deepseek_v3(True), config_of(**SIGMOID)),
    "deepseek-v3-not-normalized": (lambda: deepseek_v3(False), config_of(**SIGMOID, normalize=False)),
}


def by_expert(weights: Tensor, chosen: Tensor) -> Tensor:
    """[tokens, count], 0 where an expert is not chosen: the order in which they are named says nothing."""
    return torch.zeros(len(weights), 16).scatter_(1, chosen, weights)


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_experts_and_weights_are_those_of_transformers(case: str) -> None:
    make, config = CASES[case]
    torch.manual_seed(5)
    reference = make()
    for parameter in reference.parameters():
        parameter.normal_(0.0, 0.5)
    for buffer in reference.buffers():
        buffer.normal_(0.0, 0.1)
    logits, weights, chosen = reference(torch.randn(TOKENS, WIDTH))
    correction = reference.e_score_correction_bias if config.correction else None
    mine, numbers = route(logits, config, correction)
    assert mine.shape == numbers.shape == (TOKENS, 4)
    assert (mine.dtype, numbers.dtype) == (torch.float32, torch.int64)
    torch.testing.assert_close(by_expert(mine, numbers), by_expert(weights, chosen), rtol=1e-6, atol=1e-6)
    assert len(torch.unique(chosen)) == 16, "every expert is chosen by some token"


def test_the_correction_chooses_and_does_not_weigh() -> None:
    config = config_of(count=4, chosen=1, score="sigmoid", normalize=False, correction=True)
    weights, chosen = route(torch.zeros(1, 4), config, torch.tensor([0.0, 0.0, 3.0, 0.0]))
    assert chosen.tolist() == [[2]]
    assert weights.tolist() == [[0.5]]


def test_a_row_has_the_same_bits_in_every_batch() -> None:
    torch.manual_seed(6)
    for _, config in CASES.values():
        logits = torch.randn(33, 16)
        correction = torch.randn(16) if config.correction else None
        together = route(logits, config, correction)
        for row in range(len(logits)):
            alone = route(logits[row : row + 1], config, correction)
            assert all(torch.equal(one[row : row + 1], other) for one, other in zip(together, alone, strict=True))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"chosen": 17}, "17 experts for each token cannot be chosen of 16"),
        ({"groups": 3}, "16 experts cannot be divided into 3 groups"),
        ({"groups": 4, "chosen_groups": 5}, "5 of 4 groups of experts cannot be chosen"),
        ({"groups": 4, "chosen_groups": 1, "chosen": 5}, "5 experts for each token cannot be chosen of 4"),
        ({"groups": 16, "chosen_groups": 8, "group_top": 2}, "a group of 1 experts has no best 2"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"config.json: {words}"):
        checked(config_of(**values), "config.json")

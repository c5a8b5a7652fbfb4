"""GPT-OSS as it is published: experts in MXFP4, against transformers with the same experts expanded by the test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GptOssConfig, GptOssForCausalLM, PreTrainedModel

from sgl.config.sizes import gib
from sgl.errors import CheckpointError, UnsupportedModel
from sgl.plan.weights import parameter_bytes
from sgl.protocol.messages import LogprobRequest
from tests.harness import LocalEngine, generate
from tests.unit.plan.test_exact import check, load
from tests.unit.weights.test_mxfp4 import by_specification
from tests.zoo.experts import EXPERTS, YARN_ROPE
from tests.zoo.families import greedy, logprobs, make_checkpoint
from tests.zoo.family import SHAPE, VOCAB, Family

ANSWER = 16
QUANTIZATION: dict[str, Any] = {
    "quant_method": "mxfp4",
    "modules_to_not_convert": [
        "model.layers.*.self_attn",
        "model.layers.*.mlp.router",
        "model.embed_tokens",
        "lm_head",
    ],
}
WIDTHS = {**SHAPE, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
FAMILY = Family(
    "gpt-oss-mxfp4",
    lambda: GptOssForCausalLM(
        GptOssConfig(
            **WIDTHS,
            num_local_experts=4,
            num_experts_per_tok=2,
            head_dim=16,
            sliding_window=9,
            rope_parameters=YARN_ROPE,
        )
    ),
)


def drawn(count: int, outputs: int, inputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Blocks and scales, and the matrices [count, inputs, outputs] that they stand for."""
    blocks = torch.randint(0, 256, (count, outputs, inputs // 32, 16), dtype=torch.uint8)
    scales = torch.randint(122, 126, (count, outputs, inputs // 32), dtype=torch.uint8)
    matrices = torch.tensor(by_specification(blocks, scales)).view(count, outputs, inputs)
    return blocks, scales, matrices.transpose(1, 2).contiguous()


def make_packed(folder: Path) -> PreTrainedModel:
    """A checkpoint with packed experts, and the reference with the expanded ones."""
    reference = make_checkpoint(FAMILY, folder)
    tensors = load_file(folder / "model.safetensors")
    for name in [name for name in tensors if name.endswith("_proj") and "experts" in name]:
        count, inputs, outputs = tensors.pop(name).shape
        blocks, scales, matrices = drawn(count, outputs, inputs)
        tensors[f"{name}_blocks"], tensors[f"{name}_scales"] = blocks, scales
        with torch.no_grad():
            reference.get_parameter(name).copy_(matrices)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    edit_config(folder, quantization_config=QUANTIZATION)
    return reference


def edit_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PreTrainedModel]:
    folder = tmp_path_factory.mktemp("mxfp4")
    return folder, make_packed(folder)


@pytest.mark.parametrize("chunk", [7])
def test_tokens_and_logprobs_equal_the_expanded_model(packed: tuple[Path, PreTrainedModel], chunk: int) -> None:
    folder, reference = packed
    draw = np.random.default_rng(3)
    prompts = [draw.integers(3, VOCAB, length).tolist() for length in (1, 20, 45)]
    engine = LocalEngine.load(folder, page_size=4, chunked_prefill_size=chunk)
    options: dict[str, Any] = {"max_new_tokens": ANSWER, "ignore_eos": True, "logprobs": LogprobRequest(output=True)}
    engine.submit(*(generate(index, prompt, **options) for index, prompt in enumerate(prompts)))
    engine.finish()
    for index, prompt in enumerate(prompts):
        answer = engine.answers[index]
        assert answer.tokens == greedy(reference, prompt, ANSWER)
        expected = logprobs(reference, prompt + answer.tokens)[len(prompt) - 1 :]
        assert [entry.logprob for entry in answer.logprobs] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("deterministic", [False, True])
def test_the_plan_counts_expanded_experts(
    packed: tuple[Path, PreTrainedModel], dtype: str, deterministic: bool
) -> None:
    folder, _ = packed
    engine, plan = load(folder, dtype=dtype, deterministic=deterministic)
    check(engine, plan)
    # 2 layers x 4 experts x (64 x 192 + 96 x 64) weights
    expanded = gib(147456 * plan.demand.element_bytes)
    wanted = f"experts are expanded to {dtype}, {expanded} instead of {gib(147456 // 2 + 147456 // 32)}"
    assert any(reason.endswith(wanted) for reason in engine.info.reasons), "the log says what it comes to"
    plain = replace(plan.demand.model, quantization=None)
    assert plan.weight_bytes == parameter_bytes(plain, plan.demand.element_bytes)


def test_a_width_that_is_no_whole_number_of_blocks_is_refused(tmp_path: Path) -> None:
    family = next(family for family in EXPERTS if family.name == "gpt-oss")
    make_checkpoint(family, tmp_path)
    edit_config(tmp_path, quantization_config=QUANTIZATION)
    with pytest.raises(UnsupportedModel, match="gate_up_proj' has 48 inputs, which are no whole blocks of 32"):
        LocalEngine.load(tmp_path)


def test_scales_that_are_missing_are_named(packed: tuple[Path, PreTrainedModel], tmp_path: Path) -> None:
    folder, _ = packed
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.experts.down_proj_scales"
    del tensors[name]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(CheckpointError, match=f"lacks '{name}'"):
        LocalEngine.load(tmp_path)


def test_random_weights_are_of_an_ordinary_size(packed: tuple[Path, PreTrainedModel], tmp_path: Path) -> None:
    folder, _ = packed
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    engine = LocalEngine.load(tmp_path, load_format="dummy")
    assert len(engine.ask([5, 6, 7], max_new_tokens=8, ignore_eos=True).tokens) == 8

"""``--quantization``: the engine equals transformers with weights that are rounded here, by each scheme's formula."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from sgl.config.at_load import group_of, quantize_at_load
from sgl.config.hf import HfConfig
from sgl.errors import UsageError
from sgl.models.table import read_model_config
from sgl.protocol.messages import LogprobRequest
from tests.harness import LocalEngine
from tests.zoo.family import VOCAB
from tests.zoo.quantized import KEPT, deepseek_v3, gpt_oss, llama, quantised, qwen2, qwen3_moe, wide
from tests.zoo.test_quantized import ACTIVATIONS, ANSWER, HELD_AS_CODES, WEIGHTS_ONLY, check_answer, named, prompts

Floats = npt.NDArray[np.float64]

APART: Final = "kv_b_proj"
"""Multi-head latent attention multiplies with pieces of it: it is kept as it is."""


def gpt2() -> PreTrainedModel:
    """Its matrices are stored as [inputs, outputs]."""
    widths = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, **widths, bos_token_id=1, eos_token_id=2))


def int8(weight: Floats) -> Floats:
    """127 steps to each side for each output."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / 127
    return np.round(weight / scale) * scale


def int4(weight: Floats) -> Floats:
    """15 steps from the smallest to the largest of a group, both of which count 0 in."""
    outputs, inputs = weight.shape
    groups = weight.reshape(outputs, -1, group_of(inputs))
    low, high = groups.min(-1, keepdims=True).clip(max=0), groups.max(-1, keepdims=True).clip(min=0)
    scale = torch.from_numpy((high - low) / 15).bfloat16().double().numpy()
    zero = np.clip(np.round(-low / scale), 0, 15)
    return ((np.clip(np.round(groups / scale + zero), 0, 15) - zero) * scale).reshape(outputs, inputs)


def fp8(weight: Floats) -> Floats:
    """The largest of each output is 448, the largest number of E4M3."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / 448
    codes = torch.from_numpy((weight / scale).astype(np.float32)).to(torch.float8_e4m3fn)
    return codes.double().numpy() * scale


ROUND: Final[dict[str, Callable[[Floats], Floats]]] = {"int8": int8, "int4": int4, "fp8": fp8}
MAKERS: Final = (llama, qwen2, gpt2, qwen3_moe, gpt_oss, deepseek_v3)


def save(make: Callable[[], PreTrainedModel], folder: Path, *, head: float = 0.2) -> None:
    torch.manual_seed(5)
    model = make()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or ".ln_" in name:
                parameter.uniform_(0.6, 1.4)
            else:
                parameter.normal_(0.0, head if "lm_head" in name else 1.0 if "mlp.gate." in name else 0.2)
    model.save_pretrained(folder)


@torch.no_grad()
def rounded(folder: Path, scheme: str) -> PreTrainedModel:
    """transformers' model of the checkpoint, with the weights of its products rounded."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for name, parameter in model.named_parameters():
        # Mixtures of experts hold stacks of [outputs, inputs] in transformers, and single ones in files.
        kept = (*KEPT, APART, "wte", "wpe", "ln_", "_bias")
        if parameter.dim() < 2 or any(part in name for part in kept) or name.endswith(".gate.weight"):
            continue
        transposed = "c_" in name or (model.config.model_type == "gpt_oss" and parameter.dim() == 3)
        values = parameter.double()
        for matrix in values.unbind() if values.dim() == 3 else [values]:
            stored = matrix.T if transposed else matrix
            stored.copy_(torch.from_numpy(ROUND[scheme](stored.numpy())))
        parameter.copy_(values)
    return model


def round_activations(model: PreTrainedModel) -> None:
    """Makes the inputs of every product int8, row by row; mixtures of experts keep those of the experts."""

    def hook(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        (x,) = inputs
        step = x.abs().amax(dim=-1, keepdim=True) / 127
        return (torch.round(x / step) * step,)

    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Linear, Conv1D)) and not any(part in name for part in (*KEPT, APART)):
            module.register_forward_pre_hook(hook)


def check(folder: Path, reference: PreTrainedModel, scheme: str, tolerance: float) -> LocalEngine:
    engine = LocalEngine.load(folder, quantization=scheme, page_size=4, chunked_prefill_size=16)
    for prompt in prompts():
        answer = engine.ask(prompt, max_new_tokens=ANSWER, ignore_eos=True, logprobs=LogprobRequest(output=True))
        check_answer(reference, prompt, answer, tolerance)
    return engine


@pytest.mark.parametrize("scheme", ROUND)
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_model_that_is_quantised_at_load(make: Callable[[], PreTrainedModel], scheme: str, tmp_path: Path) -> None:
    save(make, tmp_path, head=0.02 if scheme == "int8" else 0.2)
    reference = rounded(tmp_path, scheme)
    if scheme == "int8":
        round_activations(reference)
    engine = check(tmp_path, reference, scheme, ACTIVATIONS if scheme == "int8" else WEIGHTS_ONLY)
    assert str(engine.scheduler.info.settings["quantization"]).startswith(scheme)


def test_codes_of_four_bits(tmp_path: Path) -> None:
    """Matrices that are large enough to stay codes."""
    save(wide, tmp_path, head=0.02)
    engine = check(tmp_path, rounded(tmp_path, "int4"), "int4", HELD_AS_CODES)
    plain = LocalEngine.load(tmp_path)
    assert engine.scheduler.info.weight_bytes < 0.3 * plain.scheduler.info.weight_bytes


def test_errors_are_told_worst_first_to_whoever_debugs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(qwen2, tmp_path)
    LocalEngine.load(tmp_path, quantization="int4")
    assert not caplog.records
    caplog.set_level(logging.DEBUG, "sgl.engine.build")
    LocalEngine.load(tmp_path, quantization="int4")
    lines = [record.getMessage() for record in caplog.records if "quantised model." in record.getMessage()]
    assert len(lines) == 2 * 4
    errors = [float(line.partition("error ")[2].partition("%")[0]) for line in lines]
    assert errors == sorted(errors, reverse=True)
    weights = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)
    name = "model.layers.1.mlp.down_proj"
    weight = weights.get_submodule(name).weight.detach().numpy()
    wanted = np.linalg.norm(int4(weight) - weight) / np.linalg.norm(weight)
    (told,) = (error for line, error in zip(lines, errors, strict=True) if name in line)
    assert told == pytest.approx(100 * wanted, abs=0.02)


def test_a_checkpoint_that_is_quantised_already(tmp_path: Path) -> None:
    quantised(named("awq"), qwen2, tmp_path)
    model = read_model_config(HfConfig.load(tmp_path))
    for same in (None, "awq"):
        assert quantize_at_load(model, same) is model
    with pytest.raises(UsageError, match=r"^--quantization int8: the checkpoint is quantised already \(awq, 4 bits"):
        LocalEngine.load(tmp_path, quantization="int8")


@pytest.mark.parametrize("wish", ["gptq", "awq", "compressed-tensors", "mxfp4"])
def test_what_is_only_found_in_checkpoints(wish: Any, tmp_path: Path) -> None:
    save(qwen2, tmp_path)
    with pytest.raises(UsageError, match=f"^--quantization {wish}: the checkpoint is not quantised"):
        LocalEngine.load(tmp_path, quantization=wish)

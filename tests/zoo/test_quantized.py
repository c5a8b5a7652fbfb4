"""Checkpoints quantised by others: the engine computes what transformers computes of the dequantised weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from sgl.protocol.messages import LogprobRequest
from tests.harness import LocalEngine, generate
from tests.zoo.family import VOCAB
from tests.zoo.formats import FORMATS, Format
from tests.zoo.quantized import KEPT, ROWS, llama, quantised, qwen2, wide

WEIGHTS_ONLY: Final = 2e-3
ACTIVATIONS: Final = 5e-2
ROUNDED: Final = 1e-2
"""Both sides round activations: a number at the middle of two codes may fall to either."""
HELD_AS_CODES: Final = 5e-2
"""A CPU's kernel for 4-bit codes rounds scales and activations to bfloat16 (`sgl.kernels.int4`)."""
AS_FAR_AS_BFLOAT16: Final = 1.5
"""So many times as far from float32 as transformers in bfloat16 that kernel may be: both are products of bfloat16."""
ANSWER: Final = 12


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: f"{row[0].name}-{row[1].__name__}")
def checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Format, Path, PreTrainedModel]:
    form, make = request.param
    folder = tmp_path_factory.mktemp(form.name)
    return form, folder, quantised(form, make, folder)


def round_activations(model: PreTrainedModel) -> None:
    """Makes the inputs of every product int8, token by token, as the checkpoint asks for."""

    def rounded(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        (x,) = inputs
        step = x.abs().amax(dim=-1, keepdim=True) / 127
        return (torch.round(x / step) * step,)

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and "lm_head" not in name:
            module.register_forward_pre_hook(rounded)


def prompts() -> list[list[int]]:
    """Two that share their first 32 tokens, and a short one."""
    draw = np.random.default_rng(11)
    shared = draw.integers(3, VOCAB, 32).tolist()
    return [shared + draw.integers(3, VOCAB, length).tolist() for length in (1, 20)] + [[5, 6, 7]]


@torch.no_grad()
def logprobs_of(reference: PreTrainedModel, prompt: list[int], tokens: list[int]) -> torch.Tensor:
    """float32, one for each token after the prompt."""
    logits = reference(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits.float(), dim=-1).gather(1, torch.tensor(tokens).unsqueeze(1)).squeeze(1)


@torch.no_grad()
def check_answer(reference: PreTrainedModel, prompt: list[int], answer: Any, tolerance: float) -> None:
    """Every token is the likeliest one, or as good as that, and has the reference's probability."""
    assert answer.failure is None
    assert len(answer.tokens) == ANSWER
    ids = torch.tensor([prompt + answer.tokens])
    table = torch.log_softmax(reference(ids).logits[0, len(prompt) - 1 : -1].float(), dim=-1)
    own = table.gather(1, torch.tensor(answer.tokens).unsqueeze(1)).squeeze(1)
    assert [entry.logprob for entry in answer.logprobs] == pytest.approx(own.tolist(), abs=tolerance)
    assert bool((table.amax(dim=1) - own <= 2 * tolerance).all())


@pytest.mark.parametrize("chunk", [7])
def test_a_quantised_checkpoint_is_the_model_of_its_weights(
    checkpoint: tuple[Format, Path, PreTrainedModel], chunk: int
) -> None:
    form, folder, reference = checkpoint
    tolerance = ACTIVATIONS if form.activations else WEIGHTS_ONLY
    engine = LocalEngine.load(folder, page_size=4, chunked_prefill_size=chunk)
    options = {"max_new_tokens": ANSWER, "ignore_eos": True, "logprobs": LogprobRequest(output=True)}
    asked = prompts()
    engine.submit(generate(1, asked[0], **options))
    engine.finish()
    check_answer(reference, asked[0], engine.answers[1], tolerance)
    for first in (10, 20):
        engine.submit(*(generate(first + index, prompt, **options) for index, prompt in enumerate(asked)))
        engine.finish()
        for index, prompt in enumerate(asked):
            check_answer(reference, prompt, engine.answers[first + index], tolerance)
    assert engine.answers[11].cached_tokens > 0


def test_rounded_activations_are_those_of_the_format(tmp_path: Path) -> None:
    form = next(form for form in FORMATS if form.name == "w8a8")
    reference = quantised(form, llama, tmp_path)
    round_activations(reference)
    engine = LocalEngine.load(tmp_path)
    for prompt in prompts():
        answer = engine.ask(prompt, max_new_tokens=ANSWER, ignore_eos=True, logprobs=LogprobRequest(output=True))
        check_answer(reference, prompt, answer, ROUNDED)


def named(name: str, **changes: Any) -> Format:
    """A format, and what else its config says."""
    form = next(form for form in FORMATS if form.name == name)
    return Format(name, {**form.config, **changes}, form.draw, form.meaning, form.activations)


def check_engine(folder: Path, reference: PreTrainedModel, tolerance: float = WEIGHTS_ONLY) -> None:
    engine = LocalEngine.load(folder)
    for prompt in prompts():
        answer = engine.ask(prompt, max_new_tokens=ANSWER, ignore_eos=True, logprobs=LogprobRequest(output=True))
        check_answer(reference, prompt, answer, tolerance)


@pytest.mark.parametrize(
    "form",
    [named("gptq", lm_head=True), named("w4a16", ignore=[]), named("fp8-compressed-channel", ignore=["re:embed"])],
    ids=lambda form: form.name,
)
def test_a_quantised_head(form: Format, tmp_path: Path) -> None:
    check_engine(tmp_path, quantised(form, llama, tmp_path, kept=("embed_tokens", "norm")))


@pytest.mark.parametrize(
    "form",
    [
        named("awq", modules_to_not_convert=["k_proj", "model.layers.1.mlp"]),
        named("gptq", modules_in_block_to_quantize=[["self_attn.q_proj", "self_attn.v_proj"], ["mlp.up_proj"]]),
        named("fp8-tensor-dynamic", ignored_layers=["lm_head", r"re:.*layers\.0\.(mlp|self_attn\.[kv])"]),
    ],
    ids=lambda form: form.name,
)
def test_matrices_that_are_kept(form: Format, tmp_path: Path) -> None:
    """Some of those that are multiplied as one, too."""
    parts = {
        "awq": ("k_proj", "model.layers.1.mlp"),
        "gptq": ("k_proj", "o_proj", "gate_proj", "down_proj"),
        "fp8-tensor-dynamic": ("layers.0.mlp", "layers.0.self_attn.k_proj", "layers.0.self_attn.v_proj"),
    }
    check_engine(tmp_path, quantised(form, qwen2, tmp_path, kept=(*KEPT, *parts[form.name])))


@pytest.mark.parametrize("form", [named("gptq-desc-act"), named("w8a16")], ids=lambda form: form.name)
def test_matrices_that_are_held_as_codes(form: Format, tmp_path: Path) -> None:
    reference = quantised(form, wide, tmp_path, rounds=True)
    check_engine(tmp_path, reference, HELD_AS_CODES)
    engine = LocalEngine.load(tmp_path)
    in_bfloat16 = AutoModelForCausalLM.from_pretrained(tmp_path / "dense", dtype=torch.bfloat16).eval()
    off, others_off = 0.0, 0.0
    for prompt in prompts():
        answer = engine.ask(prompt, max_new_tokens=ANSWER, ignore_eos=True, logprobs=LogprobRequest(output=True))
        wanted = logprobs_of(reference, prompt, answer.tokens)
        own = torch.tensor([entry.logprob for entry in answer.logprobs])
        off = max(off, float((own - wanted).abs().max()))
        others_off = max(others_off, float((logprobs_of(in_bfloat16, prompt, answer.tokens) - wanted).abs().max()))
    assert off < AS_FAR_AS_BFLOAT16 * others_off


def test_scales_of_a_kv_cache_are_not_needed(tmp_path: Path) -> None:
    form = named("fp8-tensor-static", kv_cache_scheme="static")
    reference = quantised(form, llama, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for layer in range(2):
        tensors |= {f"model.layers.{layer}.self_attn.{name}_scale": torch.tensor(0.5) for name in "kv"}
    save_file(tensors, tmp_path / "model.safetensors")
    check_engine(tmp_path, reference)


def test_scales_that_are_powers_of_two(tmp_path: Path) -> None:
    """E8M0 holds an exponent and nothing else."""
    reference = quantised(named("fp8-blocks", scale_fmt="ue8m0"), llama, tmp_path)
    tensors, weights = load_file(tmp_path / "model.safetensors"), reference.state_dict()
    for name in [name for name in tensors if name.endswith("weight_scale_inv")]:
        scale = torch.exp2(torch.log2(tensors[name]).round())
        grid = (scale / tensors[name]).repeat_interleave(128, 0).repeat_interleave(128, 1)
        weight = weights[name.removesuffix("_scale_inv")]
        weight.mul_(grid[: weight.shape[0], : weight.shape[1]])
        tensors[name] = scale.to(torch.float8_e8m0fnu)
    save_file(tensors, tmp_path / "model.safetensors")
    check_engine(tmp_path, reference)

"""One model under the names that several writers gave its weights: the same answers, and the same plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sgl.config.hf import HfConfig
from sgl.errors import CheckpointError
from sgl.hub.headers import local_headers
from sgl.models.table import read_model_config
from sgl.plan.weights import header_bytes
from tests.harness import LocalEngine
from tests.zoo.dense import DENSE
from tests.zoo.families import greedy, make_checkpoint

PROMPT = [5, 9, 77, 31]
Tensors = dict[str, Tensor]


def as_openai(tensors: Tensors) -> Tensors:
    """GPT-2's first checkpoint: no prefix, and the causal masks as buffers."""
    renamed = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    masks = {f"h.{layer}.attn.bias": torch.ones(1, 1, 256, 256).tril() for layer in range(3)}
    return renamed | masks | {"h.0.attn.masked_bias": torch.tensor(-1e4)}


def language_first(tensors: Tensors) -> Tensors:
    """Gemma 3 as the hub has it."""
    return {name.replace("model.language_model.", "language_model.model."): each for name, each in tensors.items()}


def model_first(tensors: Tensors) -> Tensors:
    """Gemma 3 as transformers' own modules are named."""
    moved = {
        name.replace("language_model.model.", "model.language_model.", 1)
        if name.startswith("language_model.model.")
        else name: tensor
        for name, tensor in tensors.items()
    }
    eyes = ("vision_tower.", "multi_modal_projector.")
    return {f"model.{name}" if name.startswith(eyes) else name: tensor for name, tensor in moved.items()}


def rewrite(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    path = folder / "model.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in change(load_file(path)).items()}
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("name", "change", "present"),
    [
        ("gpt2", dict, "transformer.h.0.attn.c_attn.weight"),
        ("gpt2", as_openai, "h.0.attn.c_attn.weight"),
        ("gemma3-that-sees", language_first, "language_model.model.norm.weight"),
        ("gemma3-that-sees", model_first, "model.language_model.norm.weight"),
    ],
)
def test_names(name: str, change: Callable[[Tensors], Tensors], present: str, tmp_path: Path) -> None:
    reference = make_checkpoint(next(each for each in DENSE if each.name == name), tmp_path)
    wanted = greedy(reference, PROMPT, 12)
    rewrite(tmp_path, change)
    assert present in load_file(tmp_path / "model.safetensors")
    engine = LocalEngine.load(tmp_path)
    assert engine.ask(PROMPT, max_new_tokens=12, ignore_eos=True).tokens == wanted
    model = read_model_config(HfConfig.load(tmp_path))
    headers = header_bytes(local_headers(tmp_path), model, 4)
    assert headers.problems == ()


def test_a_weight_under_two_of_its_names(tmp_path: Path) -> None:
    make_checkpoint(next(each for each in DENSE if each.name == "gpt2"), tmp_path)
    rewrite(tmp_path, lambda tensors: tensors | {"wpe.weight": tensors["transformer.wpe.weight"].clone()})
    with pytest.raises(CheckpointError, match=r"'wpe\.weight'.*twice"):
        LocalEngine.load(tmp_path)
    model = read_model_config(HfConfig.load(tmp_path))
    (problem,) = header_bytes(local_headers(tmp_path), model, 4).problems
    assert "twice" in problem

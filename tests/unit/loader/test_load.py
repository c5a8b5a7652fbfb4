"""Loading: exact, complete, from one file or shards; what is wrong is named in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from sgl.errors import CheckpointError
from tests.harness import LocalEngine
from tests.zoo.families import FAMILIES, greedy, make_checkpoint

PROMPT = [5, 9, 77, 31]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_checkpoint(FAMILIES[0], tmp_path)
    return tmp_path


def rewrite(folder: Path, **changes: torch.Tensor | None) -> None:
    """Sets or removes tensors of the single file; ``__`` in a name stands for a dot."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for key, value in changes.items():
        name = key.replace("__", ".")
        if value is None:
            del tensors[name]
        else:
            tensors[name] = value
    save_file(tensors, path, metadata={"format": "pt"})


def test_shards_give_the_answers_of_one_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    reference = LlamaForCausalLM.from_pretrained(folder)
    sharded = tmp_path_factory.mktemp("sharded")
    reference.save_pretrained(sharded, max_shard_size="40KB")
    assert len(list(sharded.glob("*.safetensors"))) > 2
    wanted = greedy(reference, PROMPT, 12)
    for place in (folder, sharded):
        assert LocalEngine.load(place).ask(PROMPT, max_new_tokens=12, ignore_eos=True).tokens == wanted


def test_a_missing_weight_is_named(folder: Path) -> None:
    rewrite(folder, model__layers__1__mlp__up_proj__weight=None)
    with pytest.raises(CheckpointError, match=r"lacks 'model\.layers\.1\.mlp\.up_proj\.weight'"):
        LocalEngine.load(folder)


def test_a_weight_nobody_uses_is_named(folder: Path) -> None:
    rewrite(folder, model__layers__0__self_attn__extra=torch.zeros(3))
    with pytest.raises(CheckpointError, match=r"holds 'model\.layers\.0\.self_attn\.extra'"):
        LocalEngine.load(folder)


def test_old_rotary_buffers_are_ignored(folder: Path) -> None:
    rewrite(folder, model__layers__0__self_attn__rotary_emb__inv_freq=torch.zeros(6))
    assert len(LocalEngine.load(folder).ask(PROMPT, max_new_tokens=3, ignore_eos=True).tokens) == 3


def test_a_wrong_shape_is_named_with_both_shapes(folder: Path) -> None:
    rewrite(folder, model__norm__weight=torch.ones(47))
    with pytest.raises(CheckpointError, match=r"'model\.norm\.weight' has shape \[47\].*\[48\]"):
        LocalEngine.load(folder)


def test_an_integer_weight_is_refused(folder: Path) -> None:
    rewrite(folder, model__norm__weight=torch.ones(48, dtype=torch.int32))
    with pytest.raises(CheckpointError, match=r"type I32"):
        LocalEngine.load(folder)


def test_pickle_weights_are_refused_with_a_hint(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(CheckpointError, match=r"only pickled weights") as caught:
        LocalEngine.load(folder)
    assert "save_pretrained" in (caught.value.hint or "")


def test_a_truncated_file_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"has .* bytes and its header promises"):
        LocalEngine.load(folder)


@pytest.mark.parametrize("name", ["../model.safetensors", "model.bin", 3])
def test_an_index_may_only_name_safetensors_of_its_folder(folder: Path, name: object) -> None:
    index = {"metadata": {}, "weight_map": {"model.norm.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="no safetensors file of this folder"):
        LocalEngine.load(folder)


def test_a_missing_shard_is_named(folder: Path) -> None:
    index = {"metadata": {}, "weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"lacks model-00001-of-00002\.safetensors"):
        LocalEngine.load(folder)


def test_dummy_weights_need_only_the_config_and_follow_the_seed(folder: Path) -> None:
    (folder / "model.safetensors").unlink()

    def answer(seed: int) -> list[int]:
        engine = LocalEngine.load(folder, load_format="dummy", seed=seed)
        return engine.ask(PROMPT, max_new_tokens=20, ignore_eos=True, temperature=1.0).tokens

    assert answer(1) == answer(1) != answer(2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_every_dtype_computes_the_same_story(folder: Path, dtype: str) -> None:
    engine = LocalEngine.load(folder, dtype=dtype)
    answer = engine.ask(PROMPT, max_new_tokens=8, ignore_eos=True)
    assert engine.scheduler.info.dtype == dtype
    reference = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        logits = reference(torch.tensor([PROMPT + answer.tokens])).logits[0, len(PROMPT) - 1 : -1]
    margins = logits.amax(-1) - logits.gather(1, torch.tensor(answer.tokens).unsqueeze(1)).squeeze(1)
    tolerance = {"bfloat16": 0.25, "float16": 0.05, "float32": 1e-4}[dtype]
    assert margins.max() <= tolerance, "each token is the likeliest up to this type's rounding"

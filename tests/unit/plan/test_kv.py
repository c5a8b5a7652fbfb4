"""KV bytes per token: known figures of published models, and the config classes of transformers as reference."""

from __future__ import annotations

import json
from typing import Any

import pytest
import transformers

from sgl.config.hf import HfConfig
from sgl.errors import UnsupportedModel
from sgl.plan.kv import HeadsKv, LatentKv, kv_layers, page_bytes, request_bytes, sliding_note, token_bytes
from sgl.plan.kv_reader import read_kv_layers
from tests.unit.plan.checkpoints import FAMILIES, config_of, model_of

KIB = 1024


def read(name: str, **fields: Any) -> tuple[Any, ...]:
    """The layers of one of transformers' config classes, written to JSON and read again."""
    config = getattr(transformers, name)(**fields)
    return read_kv_layers(HfConfig(json.loads(config.to_json_string())))


def test_known_figures() -> None:
    shape = {"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128}
    assert token_bytes(kv_layers(model_of("qwen3", **shape)), 2) == 112 * KIB
    llama = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}
    assert token_bytes(kv_layers(model_of("llama", **llama)), 2) == 128 * KIB
    assert token_bytes(read("DeepseekV3Config"), 2) == 61 * 576 * 2


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"gpt2"}))  # Its fields have other names.
def test_both_readers_agree_on_what_is_served(family: str) -> None:
    model = model_of(family)
    assert read_kv_layers(HfConfig(config_of(family, model_type=family.partition("-")[0]))) == kv_layers(model)
    assert token_bytes(kv_layers(model), 2) == model.kv_bytes_per_token(2)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("MixtralConfig", {HeadsKv(8, 128): 32}),
        ("MistralConfig", {HeadsKv(8, 128, 4096): 32}),
        ("DeepseekV2Config", {LatentKv(576): 32}),
        ("Gemma2Config", {HeadsKv(4, 256, 4096): 13, HeadsKv(4, 256): 13}),
        ("Gemma3TextConfig", {HeadsKv(4, 256, 4096): 22, HeadsKv(4, 256): 4}),
        ("Gemma3Config", {HeadsKv(4, 256, 4096): 22, HeadsKv(4, 256): 4}),
        ("GptOssConfig", {HeadsKv(8, 64, 128): 18, HeadsKv(8, 64): 18}),
        ("Llama4TextConfig", {HeadsKv(8, 128, 8192): 36, HeadsKv(8, 128): 12}),
        ("Qwen3MoeConfig", {HeadsKv(4, 64): 24}),
    ],
)
def test_architectures_that_are_not_served(name: str, layers: dict[Any, int]) -> None:
    found = read(name)
    assert {layer: found.count(layer) for layer in set(found)} == layers


@pytest.mark.parametrize("model_type", ["gemma2", "gemma3_text", "cohere2"])
def test_old_configs_without_layer_types_slide_as_transformers_does(model_type: str) -> None:
    config = transformers.AutoConfig.for_model(model_type)
    document = json.loads(config.to_json_string())
    new = read_kv_layers(HfConfig(document))
    del document["layer_types"]
    assert read_kv_layers(HfConfig(document)) == new


@pytest.mark.parametrize("name", ["JambaConfig", "MambaConfig", "Qwen3NextConfig", "FalconH1Config", "GPT2Config"])
def test_what_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedModel):
        read(name)


def test_ranks_share_heads_and_each_keeps_one_and_a_latent_vector_whole() -> None:
    layers = (HeadsKv(4, 128), HeadsKv(4, 128))
    assert [token_bytes(layers, 2, tp) for tp in (1, 2, 4, 8)] == [4096, 2048, 1024, 1024]
    assert [token_bytes((LatentKv(576),), 2, tp) for tp in (1, 8)] == [1152, 1152]
    assert page_bytes(layers, 16, 2, 2) == 16 * 2048


def test_sliding_layers_are_allocated_whole_and_it_is_said() -> None:
    layers = kv_layers(model_of("qwen2"))
    assert [layer.window for layer in layers] == [None, 32]
    assert token_bytes(layers, 2) == 2 * 2 * 2 * 2 * 52
    assert request_bytes(layers, 100, 2) == (100 + 32) * 2 * 2 * 2 * 52
    assert request_bytes(layers, 10, 2) == 10 * token_bytes(layers, 2)
    assert sliding_note(layers) == (
        "1 of 2 layers see the last 32 tokens only; this version keeps their whole context."
    )
    assert sliding_note(kv_layers(model_of("llama"))) is None

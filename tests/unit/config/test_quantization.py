"""``quantization_config``: what each method's fields mean, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sgl.config.hf import HfConfig
from sgl.config.layout.weight import Matrix
from sgl.config.quantization import Quantization, matches
from sgl.config.quantized.read import read_quantization
from sgl.errors import UnsupportedModel
from sgl.models.table import read_model_config

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": True}
BLOCKS = {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [128, 128]}
LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
    "max_position_embeddings": 64,
}


def read(config: dict[str, Any], field: str = "quantization_config") -> Quantization:
    scheme = read_quantization(HfConfig({field: config}))
    assert scheme is not None
    return scheme


def compressed(form: str, weights: dict[str, Any], inputs: Any = None, **more: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs}
    config = {"quant_method": "compressed-tensors", "format": form, "config_groups": {"group_0": group}}
    return {**config, "ignore": ["lm_head"], **more}


INT4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": True}
INT8 = {"num_bits": 8, "type": "int", "strategy": "channel", "symmetric": True}
FLOAT8 = {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True}
PER_TOKEN = {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True}


def covered(scheme: Quantization, name: str, *, quantized: bool = True) -> bool:
    return scheme.covers(Matrix((name,), (8,), 8, quantized=quantized), name)


def test_a_plain_checkpoint_has_none() -> None:
    assert read_quantization(HfConfig({})) is None
    assert read_quantization(HfConfig({"quantization_config": None})) is None


def test_gptq() -> None:
    scheme = read({**GPTQ, "desc_act": True, "sym": False})
    assert (scheme.method, scheme.bits, scheme.group, scheme.ordered, scheme.symmetric) == ("gptq", 4, 128, True, False)
    assert scheme.zero_offset == 1
    assert str(scheme) == "gptq, 4 bits, groups of 128, in order of activation"
    assert read({**GPTQ, "checkpoint_format": "gptq_v2"}).zero_offset == 0
    assert read({**GPTQ, "format": "gptq_v2"}).zero_offset == 0
    one = read({**GPTQ, "group_size": -1, "bits": 8})
    assert (one.group, one.groups(4096), one.bits) == (None, 1, 8)
    assert str(one) == "gptq, 8 bits, a scale per output"


def test_gptq_says_which_modules() -> None:
    assert not covered(read(GPTQ), "lm_head", quantized=False)
    assert covered(read({**GPTQ, "lm_head": True}), "lm_head", quantized=False)
    assert not covered(read({**GPTQ, "lm_head": True}), "model.layers.0.mlp.gate", quantized=False)
    some = read({**GPTQ, "modules_in_block_to_quantize": [["self_attn.q_proj"], ["mlp.up_proj", "mlp.gate_proj"]]})
    assert covered(some, "model.layers.11.self_attn.q_proj")
    assert covered(some, "model.layers.11.mlp.gate_proj")
    assert not covered(some, "model.layers.11.self_attn.k_proj")
    skipping = read({**GPTQ, "dynamic": {r"-:.*\.1\.self_attn\..*": {}}})
    assert covered(skipping, "model.layers.0.self_attn.q_proj")
    assert not covered(skipping, "model.layers.1.self_attn.q_proj")


def test_awq_and_its_older_file() -> None:
    scheme = read({**AWQ, "modules_to_not_convert": ["gate", "lm_head"]})
    assert (scheme.method, scheme.bits, scheme.group, scheme.symmetric) == ("awq", 4, 128, False)
    assert not covered(scheme, "model.layers.0.mlp.gate")
    assert covered(scheme, "model.layers.0.mlp.gate_proj")
    old = read({"quant_method": "awq", "w_bit": 4, "q_group_size": 64, "zero_point": False, "version": "GEMM"})
    assert (old.group, old.symmetric) == (64, True)


def test_fp8_in_blocks() -> None:
    scheme = read({**BLOCKS, "scale_fmt": "ue8m0", "modules_to_not_convert": ["lm_head", "model.layers.*.mlp.up_proj"]})
    assert (scheme.scale, scheme.block, scheme.scale_name) == ("block", (128, 128), "weight_scale_inv")
    assert scheme.static == ()
    assert "activations stay as they are" in scheme.notes[0]
    assert not covered(scheme, "model.layers.13.mlp.up_proj")
    assert covered(scheme, "model.layers.13.mlp.down_proj")


def test_fp8_of_the_older_kind() -> None:
    scheme = read({"quant_method": "fp8", "activation_scheme": "static", "ignored_layers": ["re:.*k_proj"]})
    assert (scheme.scale, scheme.scale_name, scheme.static) == ("tensor", "weight_scale", ("input_scale",))
    assert not covered(scheme, "model.layers.1.self_attn.k_proj")
    assert scheme.ignored == ()
    cached = read({"quant_method": "fp8", "activation_scheme": "dynamic", "kv_cache_scheme": "static"})
    assert "*.k_scale" in cached.ignored
    assert "KV cache" in cached.notes[1]


def test_compressed_tensors() -> None:
    packed = read(compressed("pack-quantized", {**INT4, "actorder": "group", "symmetric": False}))
    assert (packed.method, packed.bits, packed.group, packed.ordered, packed.symmetric) == (
        "packed",
        4,
        128,
        True,
        False,
    )
    assert not read(compressed("pack-quantized", {**INT4, "actorder": "weight"})).ordered
    int8 = read(compressed("int-quantized", INT8, PER_TOKEN))
    assert (int8.method, int8.scale, int8.activations, int8.static) == ("int8", "channel", 8, ())
    float8 = read(compressed("float-quantized", FLOAT8, {"num_bits": 8, "type": "float", "dynamic": False}))
    assert (float8.method, float8.scale, float8.static) == ("fp8", "channel", ("input_scale",))
    block = read(compressed("float-quantized", {**FLOAT8, "strategy": "block", "block_structure": [128, 64]}))
    assert block.block == (128, 64)
    assert read(compressed("naive-quantized", FLOAT8)).method == "fp8"
    assert read_quantization(HfConfig({"compression_config": compressed("int-quantized", INT8)})) is not None


def test_compressed_tensors_says_which_modules() -> None:
    everything = read(compressed("pack-quantized", INT4, ignore=["re:.*mlp.gate$"]))
    assert covered(everything, "model.layers.0.self_attn.q_proj")
    assert covered(everything, "lm_head", quantized=False)
    assert not covered(everything, "model.layers.0.mlp.gate", quantized=False)
    config = compressed("pack-quantized", INT4)
    config["config_groups"]["group_0"]["targets"] = ["re:.*(q|k)_proj"]
    config["config_groups"]["group_1"] = {**config["config_groups"]["group_0"], "targets": ["model.layers.0.mlp"]}
    some = read(config)
    assert covered(some, "model.layers.1.self_attn.k_proj")
    assert covered(some, "model.layers.0.mlp.up_proj")
    assert not covered(some, "model.layers.1.mlp.up_proj")
    assert not covered(some, "lm_head", quantized=False)


def test_a_scheme_for_the_kv_cache_alone_leaves_weights_as_they_are() -> None:
    config = {"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8}, "config_groups": {}}
    assert read_quantization(HfConfig({"quantization_config": config})) is None


def test_mxfp4_leaves_matrices_alone() -> None:
    scheme = read({"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]})
    assert (scheme.method, scheme.bits, scheme.group) == ("mxfp4", 4, 32)
    assert not covered(scheme, "model.layers.0.self_attn.q_proj")


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("gate", "layers.0.mlp.gate", True),
        ("gate", "layers.0.mlp.gate_proj", False),
        ("layers.1", "model.layers.1.mlp.up_proj", True),
        ("layers.1", "model.layers.11.mlp.up_proj", False),
        ("lm_head", "lm_head", True),
        ("re:.*gate$", "layers.0.mlp.gate", True),
        ("re:gate", "layers.0.mlp.gate", False),
    ],
)
def test_patterns(pattern: str, name: str, does: bool) -> None:
    assert matches(pattern, name) is does


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"quant_method": "bitsandbytes"},
            "'quant_method': \"bitsandbytes\" is not implemented; known: gptq, awq, fp8",
        ),
        ({"quant_method": 4}, "'quant_method': 4 is not implemented"),
        ({}, "'quant_method': null is not implemented"),
        ({"quant_method": "gptq", "group_size": 128}, "lacks 'bits'"),
        ({"quant_method": "gptq", "bits": 4}, "lacks 'group_size'"),
        ({**GPTQ, "bits": 3}, "'bits': 3 is not implemented; known: 4, 8"),
        ({**GPTQ, "group_size": 0}, "'group_size' must be above 0, or -1, not 0"),
        ({**GPTQ, "checkpoint_format": "marlin"}, "'checkpoint_format': \"marlin\" is not implemented"),
        ({**GPTQ, "is_marlin_format": True}, "'is_marlin_format': true is not implemented"),
        ({**GPTQ, "dynamic": {"+:.*": {"bits": 8}}}, "'dynamic' gives modules settings of their own"),
        ({**GPTQ, "dynamic": {"-:(": {}}}, "'dynamic' holds '(', which is no regular expression"),
        ({**GPTQ, "modules_in_block_to_quantize": ["q_proj"]}, "must be lists of module names"),
        ({**AWQ, "version": "gemv"}, '\'version\': "gemv" is not implemented; known: "gemm"'),
        ({**AWQ, "bits": 8}, "'bits': 8 is not implemented; known: 4"),
        ({**AWQ, "modules_to_not_convert": "gate"}, "'modules_to_not_convert' must be a list of module names"),
        ({**BLOCKS, "weight_block_size": [128]}, "'weight_block_size' must be two numbers above 0"),
        ({**BLOCKS, "fmt": "e5m2"}, "'fmt': \"e5m2\" is not implemented"),
        ({**BLOCKS, "activation_scheme": "none"}, "'activation_scheme': \"none\" is not implemented"),
        (compressed("marlin-24", INT4), "'format': \"marlin-24\" is not implemented; known: pack-quantized, int-"),
        (compressed("pack-quantized", {**INT4, "num_bits": 3}), "'num_bits': 3 is not implemented; known: 4, 8"),
        (compressed("pack-quantized", INT4, PER_TOKEN), "'input_activations':"),
        (compressed("pack-quantized", {**INT4, "strategy": "block"}), "'strategy': \"block\" is not implemented"),
        (compressed("int-quantized", {**INT8, "symmetric": False}), "'symmetric': false is not implemented"),
        (compressed("float-quantized", {**FLOAT8, "num_bits": 4}), "'num_bits': 4 is not implemented"),
        (compressed("int-quantized", INT8, sparsity_config={"format": "sparse-24-bitmask"}), "'format': \"sparse-24-"),
        (compressed("int-quantized", INT8, transform_config={"config_groups": {}}), "'transform_config'"),
        ({"quant_method": "compressed-tensors", "format": "dense"}, "lacks 'config_groups'"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(config: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        read(config)
    assert said in caught.value.message
    assert caught.value.message.startswith("config.json: quantization_config")
    assert "\n" not in caught.value.message


def test_groups_of_different_schemes_are_refused() -> None:
    config = compressed("pack-quantized", INT4)
    other = {**config["config_groups"]["group_0"], "weights": {**INT4, "group_size": 32}}
    config["config_groups"]["group_1"] = other
    with pytest.raises(UnsupportedModel, match="'config_groups' of different schemes are not implemented"):
        read(config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (GPTQ, "'model.layers.0.self_attn.q_proj' has 64 inputs, which are no whole groups of 128"),
        ({**AWQ, "group_size": 64}, "'model.layers.0.mlp.down_proj' has 96 inputs, which are no whole groups of 64"),
    ],
)
def test_a_matrix_that_has_no_whole_groups_is_refused_by_name(config: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        read_model_config(HfConfig({**LLAMA, "quantization_config": config}))
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("name", "values", "method"),
    [
        ("quantize_config.json", {"bits": 4, "group_size": 128, "desc_act": False}, "gptq"),
        ("quant_config.json", {"w_bit": 4, "q_group_size": 128, "zero_point": True, "version": "GEMM"}, "awq"),
    ],
)
def test_the_older_file_beside_config_json(tmp_path: Path, name: str, values: dict[str, Any], method: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / name).write_text(json.dumps(values))
    scheme = read_quantization(HfConfig.load(tmp_path))
    assert scheme is not None
    assert (scheme.method, scheme.group) == (method, 128)

"""What the doctor says about a config.json."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sgl.doctor.codes import CODES
from sgl.doctor.finding import Finding
from sgl.doctor.model.config import read_config
from tests.unit.doctor.model.folders import make_folder


def findings(folder: Path) -> dict[str, Finding]:
    report = read_config(folder, "MODEL")
    assert all(finding.code in CODES for finding in report.findings)
    return {finding.title: finding for finding in report.findings}


def test_a_config_that_can_be_served(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    report = read_config(folder, "MODEL")
    assert report.served
    assert report.model is not None
    assert findings(folder)["config values"].detail == (
        "67.9 k parameters, 1 layer, 4 heads on 2 KV heads of 4, context 512"
    )


def test_a_mixture_of_experts_says_how_many_parameters_compute_a_token(tmp_path: Path) -> None:
    experts = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    folder = make_folder(tmp_path, {"architectures": ["Qwen3MoeForCausalLM"], **experts})
    detail = findings(folder)["config values"].detail
    assert re.match(r"[0-9.]+ k parameters, [0-9.]+ k active, 1 layer, ", detail)


@pytest.mark.parametrize("text", ["{", "[1]", '{"vocab_size": NaN}'])
def test_a_config_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    finding = findings(tmp_path)["config.json"]
    assert finding.status == "error"
    assert str(tmp_path) not in finding.detail
    assert finding.remedy == "sgl download MODEL"


def test_no_config(tmp_path: Path) -> None:
    assert findings(tmp_path)["config.json"].detail == ("MODEL has no config.json; is it a Hugging Face model folder?")


@pytest.mark.parametrize(
    ("architecture", "nearest"),
    [
        ("Ministral3ForCausalLM", "MistralForCausalLM"),
        ("Olmo3ForCausalLM", "Olmo2ForCausalLM"),
        ("Llama4ForConditionalGeneration", "LlamaForCausalLM"),
    ],
)
def test_an_architecture_of_another_version(tmp_path: Path, architecture: str, nearest: str) -> None:
    report = read_config(make_folder(tmp_path, {"architectures": [architecture]}), "MODEL")
    (finding,) = report.findings
    assert not report.served
    assert finding.code == "SGL603"
    assert finding.detail == f"{architecture} is not served by this version; the nearest that is: {nearest}"
    assert finding.remedy.startswith("sgl serve -m ")


@pytest.mark.parametrize("architectures", [None, [], "LlamaForCausalLM", [3]])
def test_no_architecture(tmp_path: Path, architectures: Any) -> None:
    finding = findings(make_folder(tmp_path, {"architectures": architectures}))["architecture"]
    assert finding.status == "error"
    assert "names no architecture" in finding.detail


def test_code_of_a_served_architecture_is_not_needed(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"auto_map": {"AutoModelForCausalLM": "modeling_x.X"}})
    (folder / "modeling_x.py").write_text("")
    finding = findings(folder)["model's code"]
    assert finding.status == "ok"
    assert "modeling_x.py" in finding.detail


def test_code_of_another_architecture_is_never_run(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"auto_map": {"AutoModel": "m.X"}, "architectures": ["XForCausalLM"]})
    found = findings(folder)
    assert found["architecture"].status == "error"
    assert found["model's code"].status == "warn"
    assert "never runs a model's code" in found["model's code"].detail


@pytest.mark.parametrize(
    ("quantisation", "said"),
    [
        ({"quant_method": "bitsandbytes"}, "config.json: quantization_config: 'quant_method': \"bitsandbytes\" is not"),
        ({"quant_method": "gptq", "bits": 3, "group_size": 128}, "'bits': 3 is not implemented; known: 4, 8"),
        ({}, "'quant_method': null is not implemented; known: gptq, awq, fp8,"),
    ],
)
def test_weights_quantised_as_nobody_here_reads_them(tmp_path: Path, quantisation: dict[str, Any], said: str) -> None:
    report = read_config(make_folder(tmp_path, {"quantization_config": quantisation}), "MODEL")
    (error,) = [finding for finding in report.findings if finding.status == "error"]
    assert error.code == "SGL606"
    assert said in error.detail
    assert not report.served
    assert report.model is not None


@pytest.mark.parametrize(
    ("quantisation", "said"),
    [
        (
            {"quant_method": "fp8", "activation_scheme": "dynamic"},
            "fp8, 8 bits, a scale per tensor, which this version reads; activations stay as they are",
        ),
        (
            {"quant_method": "gptq", "bits": 4, "group_size": -1, "desc_act": True},
            "gptq, 4 bits, a scale per output, in order of activation, which this version reads",
        ),
    ],
)
def test_quantised_weights(tmp_path: Path, quantisation: dict[str, Any], said: str) -> None:
    report = read_config(make_folder(tmp_path, {"quantization_config": quantisation}), "MODEL")
    (finding,) = [finding for finding in report.findings if finding.code == "SGL606"]
    assert finding.status == "ok"
    assert finding.detail.startswith(said)
    assert report.served
    assert report.model is not None
    assert report.model.quantization is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_act": "relu2"}, "'hidden_act': \"relu2\" is not implemented"),
        ({"vocab_size": None}, "config.json lacks 'vocab_size'"),
        ({"num_key_value_heads": 3}, "no multiple"),
        ({"rope_scaling": {"rope_type": "proportional"}}, "proportional"),
    ],
)
def test_a_value_that_is_not_implemented(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    finding = findings(make_folder(tmp_path, change))["config values"]
    assert finding.status == "error"
    assert said in finding.detail
    assert str(tmp_path) not in finding.detail

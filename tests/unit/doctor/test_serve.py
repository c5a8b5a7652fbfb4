"""`examine_serve` as a whole: plans of well-known models, changes that make them fit, and what is not served."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

from sgl.config.arguments import read_serve
from sgl.doctor.assume import parse_gpus
from sgl.doctor.codes import CODES
from sgl.doctor.finding import Finding
from sgl.doctor.recorded import RecordedMachine
from sgl.doctor.report import exit_code
from sgl.doctor.serve import ServeReport, examine_serve
from sgl.doctor.serve_report import serve_document
from tests.doctor.catalogue import Case, cpu_torch_on_gpu_machine, h100, turing
from tests.doctor.parts import ordinary
from tests.unit.doctor.model.folders import make_folder
from tests.unit.doctor.public_models import BY_NAME, PUBLIC_MODELS, PublicModel, llama_tensors, make_public_folder

GIB = 2**30


def examine(line: str, gpus: str = "") -> ServeReport:
    """The report on an ordinary server without a GPU."""
    machine = RecordedMachine(ordinary())
    report = examine_serve(read_serve(shlex.split(line), {}, None), parse_gpus(gpus) if gpus else None, machine)
    assert all(finding.code in CODES for finding in report.findings)
    return report


def named(report: ServeReport, title: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.title == title]
    return finding


SERVED = [model for model in PUBLIC_MODELS if model.served]
COMMAND_R7B = "CohereLabs/c4ai-command-r7b-12-2024"


def unknown(model: PublicModel) -> PublicModel:
    """The same under a name that no version serves."""
    return replace(model, config={**model.config, "architectures": ["OracleForCausalLM"]})


@pytest.mark.parametrize("model", SERVED, ids=lambda model: model.name)
def test_plans_of_served_models_have_the_numbers_of_their_cards(model: PublicModel, tmp_path: Path) -> None:
    tensors = llama_tensors(model.config)
    assert sum(prod(shape) for shape in tensors.values()) == model.parameters
    report = examine(f"-m {make_public_folder(tmp_path, model, tensors)}", "80Gi")
    assert named(report, "tensors").status == "ok"
    plan = report.fit.plan
    assert plan is not None
    assert plan.weight_bytes == 2 * model.parameters
    assert plan.page_bytes == plan.demand.page_size * model.kv_bytes
    assert named(report, "memory").status == ("ok" if plan.kv_tokens >= plan.demand.max_model_len else "warn")
    assert exit_code([finding for finding in report.findings if finding.group == "fit"], strict=False) == 0


@pytest.mark.parametrize(
    ("name", "gpus", "requests"),
    [
        # (0.88 * 80 GiB * 8 ranks - weights) / 8 ranks, over 70272 bytes * 8192.
        ("deepseek-ai/DeepSeek-V3", "200Gi:8", (int(0.88 * 200 * GIB) - 171_132_846_500) // (70_272 * 8192)),
        # Three quarters of the layers see the last 4096 of 8192 tokens.
        (COMMAND_R7B, "80Gi", (int(0.88 * 80 * GIB) - 2 * 8_028_033_024) // (128 * 1024 * 5120)),
        ("mistralai/Mixtral-8x7B-v0.1", "80Gi:2", (int(0.88 * 80 * GIB) - 46_702_792_704) // (64 * 1024 * 8192)),
    ],
)
def test_estimates_of_models_that_are_not_served(name: str, gpus: str, requests: int, tmp_path: Path) -> None:
    model = unknown(BY_NAME[name])
    report = examine(f"-m {make_public_folder(tmp_path, model)}", gpus)
    assert named(report, "architecture").status == "error"
    finding = named(report, "estimate")
    assert finding.status == "skip"
    assert finding.data["stored_bytes"] == 2 * model.parameters
    tp = 1 if name.startswith("deepseek") else int(gpus.partition(":")[2] or 1)
    assert finding.data["kv_bytes_per_token"] == model.kv_bytes // tp
    assert f"would hold {requests} requests of 8K tokens" in finding.detail
    assert report.fit.plan is None
    assert exit_code(report.findings, strict=False) == 3


def test_an_estimate_that_does_not_fit(tmp_path: Path) -> None:
    model = unknown(BY_NAME["deepseek-ai/DeepSeek-V3"])
    finding = named(examine(f"-m {make_public_folder(tmp_path, model)}", "80Gi:8"), "estimate")
    assert finding.detail.endswith("KV cache 68.62 KiB a token: it would not fit in 80.0 GiB")


def test_attention_that_nobody_here_knows_is_not_estimated(tmp_path: Path) -> None:
    model = BY_NAME[COMMAND_R7B]
    config = {**model.config, "layer_types": ["linear_attention"] * 32}
    folder = make_public_folder(tmp_path, PublicModel("x", config, model.parameters, 0))
    finding = named(examine(f"-m {folder}", "80Gi"), "estimate")
    assert "its KV cache cannot be estimated: config.json: layers of type 'linear_attention'" in finding.detail


def test_quantised_weights_are_estimated_as_they_are_stored(tmp_path: Path) -> None:
    model = BY_NAME["meta-llama/Llama-3.1-8B"]
    config = {**model.config, "quantization_config": {"quant_method": "bitsandbytes"}}
    folder = make_public_folder(tmp_path, PublicModel("x", config, 1000, 0))
    report = examine(f"-m {folder} --kv-cache-dtype fp8", "80Gi")
    assert named(report, "quantisation").status == "error"
    assert named(report, "estimate").data["stored_bytes"] == 2000
    assert named(report, "estimate").data["kv_bytes_per_token"] == 64 * 1024 + 32 * 2 * 8 * 4


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    model = BY_NAME["meta-llama/Llama-3.1-8B"]
    return make_public_folder(tmp_path / "llama", model, llama_tensors(model.config))


def memory(line: str, gpus: str) -> Finding:
    return named(examine(line, gpus), "memory")


def test_three_changes_and_each_of_them_fits(llama: Path) -> None:
    line = f"-m {llama} --max-model-len 32k"
    report = examine(line, "20Gi")
    assert memory(line, "20Gi").status == "warn"
    changes = [finding for finding in report.findings if finding.title.startswith("change")]
    assert len(changes) == 3
    for change in changes:
        words = shlex.split(change.remedy)
        gpus = words.pop(words.index("--assume-gpu") + 1) if "--assume-gpu" in words else "20Gi"
        flags = shlex.join(word for word in words if word != "--assume-gpu")
        kept = "" if "--max-model-len" in flags else "--max-model-len 32k"
        assert memory(f"-m {llama} {kept} {flags}", gpus).status == "ok", change.remedy


def test_weights_that_do_not_fit_need_fewer_bits_or_more_gpus(llama: Path) -> None:
    report = examine(f"-m {llama} --max-model-len 8k", "9Gi")
    finding = named(report, "memory")
    assert finding.status == "error"
    assert "the weights need 15.0 GiB" in finding.detail
    narrow = named(report, "change 1")
    assert (narrow.status, narrow.data["flags"]) == ("ok", "--quantization int4")
    assert memory(f"-m {llama} --max-model-len 8k --quantization int4", "9Gi").status == "ok"
    change = named(report, "change 2")
    assert change.status == "skip"
    assert change.remedy.startswith("--assume-gpu 9Gi:")
    assert memory(f"-m {llama} --max-model-len 8k", change.remedy.removeprefix("--assume-gpu ")).status == "ok"


def test_more_gpus_share_the_model(llama: Path) -> None:
    plan = examine(f"-m {llama}", "24Gi:2").fit.plan
    assert plan is not None
    assert plan.demand.tp == 2
    assert plan.weight_bytes < 2 * 8_030_261_248 * 0.51
    assert plan.page_bytes == plan.demand.page_size * 64 * 1024


def test_tp_says_how_many_of_the_assumed_gpus_are_used(llama: Path) -> None:
    report = examine(f"-m {llama} --tp 2", "24Gi:8")
    assert report.fit.plan is not None
    assert report.fit.plan.demand.tp == 2
    assert named(report, "heads").status == "ok"
    assert not [finding for finding in report.findings if finding.code == "SGL707"]


def test_a_gpu_that_is_there_is_planned_for(tmp_path: Path) -> None:
    machine = RecordedMachine(h100().recording)
    words = ["-m", str(make_folder(tmp_path))]
    report = examine_serve(read_serve(words, {}, None), None, machine)
    assert named(report, "planned for").detail == (
        "this machine's GPU: NVIDIA H100 80GB HBM3, sm_90, with FP8 in hardware"
    )
    assert report.fit.plan is not None
    assert report.fit.plan.demand.place.name == "NVIDIA H100 80GB HBM3"
    report = examine_serve(read_serve([*words, "--device", "cpu"], {}, None), None, machine)
    assert named(report, "planned for").detail == (
        "this machine's CPU; its GPU (NVIDIA H100 80GB HBM3) is not used: --device cpu says so"
    )


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (cpu_torch_on_gpu_machine, "torch 2.13.0+cpu is a build without CUDA"),
        (turing, "Tesla T4 is sm_75, and kernels are made for sm_80 and newer"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_said_and_asking_for_it_is_refused(
    case: Callable[[], Case], why: str, tmp_path: Path
) -> None:
    machine = RecordedMachine(case().recording)
    words = ["-m", str(make_folder(tmp_path))]
    report = examine_serve(read_serve(words, {}, None), None, machine)
    assert named(report, "planned for").detail.endswith(f"is not used: {why}")
    assert exit_code(report.findings, strict=False) == 0
    report = examine_serve(read_serve([*words, "--device", "cuda"], {}, None), None, machine)
    finding = named(report, "--device")
    assert (finding.status, finding.detail) == ("error", f"cuda: {why}")
    assert named(report, "command").remedy == f"sgl serve -m {words[1]}"


def test_a_context_beyond_the_model_is_planned_without_it(tmp_path: Path) -> None:
    report = examine(f"-m {make_folder(tmp_path)} --max-model-len 32k")
    assert report.fit.plan is not None
    assert report.fit.plan.demand.max_model_len == 512
    assert named(report, "--max-model-len").status == "error"


def test_a_taken_port_is_an_error_when_it_was_asked_for(tmp_path: Path) -> None:
    recording = ordinary()
    recording.ports.update({"127.0.0.1:30000": "taken", "127.0.0.1:4000": "taken"})
    machine = RecordedMachine(recording)
    folder = make_folder(tmp_path)
    for words, status in ((["-m", str(folder)], "warn"), (["-m", str(folder), "--port", "4000"], "error")):
        report = examine_serve(read_serve(words, {}, None), None, machine)
        assert named(report, "port").status == status
        assert named(report, "port").group == "flags"


def test_no_such_model() -> None:
    report = examine("-m nowhere/to@be@found")
    assert named(report, "found").status == "error"
    assert named(report, "memory").status == "skip"
    assert exit_code(report.findings, strict=False) == 3


def test_the_document(llama: Path) -> None:
    document = serve_document(examine(f"-m {llama} --max-model-len 32k", "20Gi"))
    assert document["memory"]["weight_bytes"] == 2 * 8_030_261_248
    assert [change["memory"]["fits"] for change in document["changes"]] == [True] * 3
    assert {finding["group"] for finding in document["findings"]} == {"model", "flags", "fit"}


def test_dummy_weights_need_no_files(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    report = examine(f"-m {folder} --load-format dummy")
    assert named(report, "weight files").status == "skip"
    assert exit_code(report.findings, strict=True) == 0


def test_a_tokenizer_from_elsewhere(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    assert named(examine(f"-m {folder} --tokenizer {tmp_path}"), "tokenizer").status == "ok"
    finding = named(examine(f"-m {folder} --tokenizer {tmp_path}/none"), "tokenizer")
    assert finding.status == "error"
    assert "There is no folder" in finding.detail

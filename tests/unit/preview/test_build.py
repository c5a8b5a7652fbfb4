"""What a preview finds out: the model wherever it is, and everything that would stop a start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sgl.config.arguments import read_serve
from sgl.device import DeviceInfo
from sgl.errors import CheckpointError, ModelNotFound, StartupError, UnsupportedModel, UsageError
from sgl.gpu import Accelerator, GpuInfo, Package
from sgl.plan.place import gpu_place
from sgl.preview.build import Preview, preview

GPU = GpuInfo(name="NVIDIA H200", memory_bytes=140 * 2**30, available_bytes=139 * 2**30, capability=90)
WITH_GPU = Accelerator(gpu=GPU, problem="", remedy="", triton=Package("3.6.0"))
WITHOUT = Accelerator()


def look(words: str, device: DeviceInfo | None = None, accelerator: Accelerator = WITHOUT, **environ: str) -> Preview:
    arguments = read_serve(words.split(), {}, None)
    offline = {"HF_HUB_OFFLINE": "1", **environ}
    return preview(arguments, device=device, accelerator=accelerator, environ=offline)


def test_nothing_wrong() -> None:
    shown = look("")
    assert (shown.problems, shown.exit_code) == ((), 0)
    assert shown.model is not None
    assert shown.model.architecture == "LlamaForCausalLM"


def test_every_problem_is_there_and_the_plan_as_well() -> None:
    shown = look("--tp 2 --device cuda --kv-cache-dtype fp8_e5m2 --max-model-len 1M --max-total-tokens 1T")
    assert [type(problem) for problem in shown.problems] == [UsageError] * 4 + [StartupError]
    assert shown.exit_code == 2
    assert shown.plan is not None
    assert (shown.plan.demand.tp, shown.plan.demand.kv_element_bytes) == (2, 1)
    assert shown.plan.demand.max_model_len == 2**20


def test_too_little_memory_is_the_machines_fault() -> None:
    shown = look("", DeviceInfo("cpu", 1, 2**28, 2**24, frozenset()))
    assert [type(problem) for problem in shown.problems] == [StartupError]
    assert shown.exit_code == 1


def test_a_gpu_can_be_planned_for() -> None:
    shown = look("--device cuda", accelerator=WITH_GPU)
    assert shown.problems == ()
    assert shown.plan is not None
    assert shown.plan.demand.place == gpu_place(GPU)
    assert shown.plan.shortage is None
    assert shown.resolved is not None
    assert (shown.resolved.device, shown.resolved.attention_backend) == ("cuda", "triton")


def test_a_gpu_that_is_not_there_is_a_problem_and_the_cpu_is_planned_for() -> None:
    shown = look("--device cuda")
    (problem,) = shown.problems
    assert problem.message == "--device cuda: there is no CUDA device"
    assert (problem.hint, shown.exit_code) == ("look at `sgl doctor --only gpu`", 2)
    assert shown.plan is not None
    assert shown.plan.demand.place.kind == "cpu"


def test_a_folder_without_weights_can_be_planned(stories260k: Path, tmp_path: Path) -> None:
    shutil.copy(stories260k / "config.json", tmp_path)
    shown = look(f"-m {tmp_path}")
    assert [type(problem) for problem in shown.problems] == [CheckpointError]
    assert shown.plan is not None
    assert look(f"-m {tmp_path} --load-format dummy").problems == ()


@pytest.mark.parametrize(
    ("config", "problem"),
    [("{", UnsupportedModel), ("{}", UnsupportedModel), ('{"architectures": ["Strange"]}', UnsupportedModel)],
)
def test_a_config_that_is_not_understood(config: str, problem: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config)
    shown = look(f"-m {tmp_path} --load-format dummy")
    assert [type(found) for found in shown.problems] == [problem]
    assert shown.plan is None


def test_a_folder_without_config(tmp_path: Path) -> None:
    assert [type(problem) for problem in look(f"-m {tmp_path}").problems] == [ModelNotFound]


@pytest.fixture
def cache(stories260k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with the config.json of one repository and nothing else of it."""
    snapshot = tmp_path / "models--org--name" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    shutil.copy(stories260k / "config.json", snapshot)
    (tmp_path / "models--org--name" / "refs").mkdir()
    (tmp_path / "models--org--name" / "refs" / "main").write_text("a" * 40)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path


def test_what_is_partly_in_the_cache_is_planned_without_the_network(cache: Path) -> None:
    shown = look("-m org/name", HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="")
    assert shown.plan is not None
    assert shown.problems == ()
    assert shown.notices == ("org/name is only partly in the cache: a start downloads it",)


def test_offline_what_is_missing_is_a_problem(cache: Path) -> None:
    shown = look("-m org/name", HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="1")
    assert [type(problem) for problem in shown.problems] == [ModelNotFound]
    shown = look("-m org/other", HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="1")
    assert [type(problem) for problem in shown.problems] == [ModelNotFound]


def test_a_hub_that_cannot_be_reached_is_said(cache: Path) -> None:
    shown = look("-m org/other", HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="", HF_ENDPOINT="http://127.0.0.1:9")
    assert len(shown.problems) == 1
    assert "127.0.0.1:9" in shown.problems[0].message
    assert shown.exit_code != 0


def test_a_word_that_is_no_model() -> None:
    assert json.dumps([problem.message for problem in look("-m nonsense").problems]) == (
        '["There is no folder nonsense."]'
    )


def test_a_tokenizer_that_was_named_has_to_be_there(cache: Path, stories260k: Path) -> None:
    assert look(f"--tokenizer {stories260k}").problems == ()
    assert [type(problem) for problem in look("--tokenizer org/other").problems] == [ModelNotFound]
    assert [type(problem) for problem in look("--tokenizer nonsense", HF_HUB_OFFLINE="").problems] == [ModelNotFound]
    online = look("--tokenizer org/other", HF_HUB_OFFLINE="")
    assert (online.problems, online.notices) == (
        (),
        ("the tokenizer org/other is not in the cache: a start downloads it",),
    )

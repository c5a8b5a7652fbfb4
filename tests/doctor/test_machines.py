"""What the doctor says of every recorded machine."""

from __future__ import annotations

import io
import json
import shlex
from dataclasses import asdict

import pytest

from sgl.doctor.codes import CODES
from sgl.doctor.finding import Finding
from sgl.doctor.markdown import markdown_report
from sgl.doctor.recorded import RecordedMachine, Recording
from sgl.doctor.report import as_json, exit_code
from sgl.doctor.run import examine
from sgl.doctor.text import text_report
from sgl.terminal import Terminal
from tests.doctor.catalogue import CASES
from tests.doctor.record import GOLDEN, MACHINES, golden


def look(name: str) -> list[Finding]:
    """The findings on a recorded machine."""
    return examine(RecordedMachine.load(MACHINES / f"{name}.json"), CASES[name]().wishes)


def terminal(encoding: str = "utf-8", **environ: str) -> Terminal:
    return Terminal(io.TextIOWrapper(io.BytesIO(), encoding=encoding), environ)


@pytest.mark.parametrize("name", CASES)
def test_report_equals_the_golden_one(name: str) -> None:
    """After a wanted change: ``python -m tests.doctor.record``, and read what it changed."""
    machine = RecordedMachine.load(MACHINES / f"{name}.json")
    assert json.loads(golden(machine, CASES[name]().wishes)) == json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_recording_is_the_one_that_the_catalogue_makes(name: str) -> None:
    stored = Recording.from_json((MACHINES / f"{name}.json").read_text("utf-8"))
    assert asdict(stored) == asdict(CASES[name]().recording)


def test_no_file_is_left_over() -> None:
    for folder in (MACHINES, GOLDEN):
        assert {path.stem for path in folder.glob("*.json")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_finding_is_complete(name: str) -> None:
    for finding in look(name):
        assert finding.code in CODES
        assert finding.title
        assert finding.detail
        assert "\n" not in finding.detail + finding.title
        assert bool(finding.remedy) or finding.status in ("ok", "skip")
        if finding.remedy:
            assert "\n" not in finding.remedy
            assert shlex.split(finding.remedy)  # A shell can read it.


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("verbose", [False, True])
def test_text_fits_80_columns(name: str, verbose: bool) -> None:
    report = text_report(look(name), terminal(), verbose=verbose)
    assert max(map(len, report.splitlines())) <= 80


@pytest.mark.parametrize("name", CASES)
def test_text_is_ascii_where_the_terminal_is(name: str) -> None:
    report = text_report(look(name), terminal("ascii"))
    assert report.isascii()
    assert "?" not in report  # Nothing had to be replaced.
    assert "[OK]" in report


@pytest.mark.parametrize("name", CASES)
def test_colours_change_nothing_else(name: str) -> None:
    findings = look(name)
    plain = text_report(findings, terminal())
    coloured = text_report(findings, terminal(FORCE_COLOR="1"))
    for code in ("0", "1", "2", "31", "32", "33", "36"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


@pytest.mark.parametrize("name", CASES)
def test_json_is_a_document(name: str) -> None:
    document = json.loads(json.dumps(as_json(look(name))))
    assert document["schema_version"] == 1
    assert {frozenset(finding) for finding in document["findings"]} == {
        frozenset({"code", "group", "title", "status", "detail", "remedy", "data"})
    }


@pytest.mark.parametrize("name", CASES)
def test_no_secret_of_any_machine_is_in_its_bug_report(name: str) -> None:
    machine = RecordedMachine.load(MACHINES / f"{name}.json")
    report = markdown_report(look(name), machine)
    private = (
        *("hf_AbC", "correct-horse", "sk-proj", "pa55word", "t0ps3cret", "lovelace", "corp.example", "10.20.30.40"),
        *("/home/ada", "/home/grace", "ada:", "ada@", "of-ada"),
    )
    assert not [word for word in private if word in report]
    assert report.startswith("## sgl doctor\n")


@pytest.mark.parametrize(
    ("name", "code", "status", "word"),
    [
        ("old_driver", "SGL106", "error", "/cu126"),
        ("cpu_torch_on_gpu_machine", "SGL106", "error", "/cu130"),
        ("ancient_gpu", "SGL202", "error", "nvidia-driver"),
        ("blackwell_without_code", "SGL107", "error", "/cu130"),
        ("two_different_gpus", "SGL207", "warn", "CUDA_VISIBLE_DEVICES"),
        ("two_gpus_without_nvlink", "SGL209", "warn", "CUDA_VISIBLE_DEVICES"),
        ("eight_gpus_with_nvlink", "SGL209", "ok", ""),
        ("mig", "SGL206", "warn", "-mig 0"),
        ("gpu_memory_taken", "SGL203", "warn", "CUDA_VISIBLE_DEVICES=1"),
        ("throttling", "SGL204", "warn", "nvidia-smi"),
        ("memory_errors", "SGL205", "error", "--gpu-reset -i 0"),
        ("container_without_smi", "SGL201", "ok", ""),
        ("container_without_gpus", "SGL212", "warn", "--gpus all"),
        ("gpu_without_driver", "SGL202", "warn", "nvidia-driver"),
        ("smi_hangs", "SGL215", "error", "dmesg"),
        ("torch_crashes", "SGL105", "error", "torch"),
        ("torch_missing", "SGL105", "error", "torch"),
        ("packages_that_clash", "SGL104", "error", "'triton==3.7.0'"),
        ("full_disk", "SGL406", "error", "sgl models"),
        ("small_shm", "SGL401", "warn", "--shm-size"),
        ("low_limits", "SGL402", "warn", "ulimit -n"),
        ("port_taken", "SGL408", "error", "--port 30002"),
        ("limited_container", "SGL303", "error", "--memory"),
        ("proxy_catches_localhost", "SGL412", "warn", "localhost,127.0.0.1"),
        ("python_too_new", "SGL101", "warn", "uv venv"),
        ("python_too_old", "SGL101", "error", "uv venv"),
        ("network_cache", "SGL407", "warn", "HF_HOME"),
        ("wrong_visible_devices", "SGL208", "error", "0,1"),
        ("too_few_gpus", "SGL210", "error", "--tp 1"),
    ],
)
def test_trouble_is_found_and_has_its_remedy(name: str, code: str, status: str, word: str) -> None:
    found = [finding for finding in look(name) if finding.code == code]
    assert status in {finding.status for finding in found}
    assert any(word in finding.remedy for finding in found if finding.status == status)


@pytest.mark.parametrize("name", ["laptop", "h100", "cpu_server_with_amx", "wsl2_with_gpu", "cuda_torch_without_gpu"])
def test_a_good_machine_has_nothing_to_complain_of(name: str) -> None:
    findings = look(name)
    assert {finding.status for finding in findings} <= {"ok", "skip"}
    assert exit_code(findings, strict=True) == 0


def test_exit_codes() -> None:
    assert exit_code(look("mig"), strict=False) == 0
    assert exit_code(look("mig"), strict=True) == 3
    assert exit_code(look("full_disk"), strict=False) == 3


def test_a_gpu_machine_is_told_where_a_start_computes() -> None:
    found = {
        name: next(each for each in look(name) if each.code == "SGL213") for name in ("h100", "turing", "old_driver")
    }
    assert found["h100"].status == "ok"
    assert found["h100"].detail.startswith("sgl serve computes on NVIDIA H100 80GB HBM3, sm_90, with FP8 in hardware")
    assert found["turing"].detail == (
        "sgl serve computes on the CPU: Tesla T4 is sm_75, and kernels are made for sm_80 and newer"
    )
    assert found["old_driver"].detail.startswith("sgl serve computes on the CPU: CUDA does not start: RuntimeError")


def test_errors_of_gpus_do_not_keep_the_cpu_from_serving() -> None:
    assert "can serve on its CPU" in text_report(look("old_driver"), terminal())
    assert "not ready" in text_report(look("torch_missing"), terminal())

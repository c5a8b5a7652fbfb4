"""Probes on recordings with one thing changed, and on answers that make no sense."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sgl.doctor.machine import Ran
from sgl.doctor.probes.cpu import probe_cpu
from sgl.doctor.probes.gpu import probe_gpu
from sgl.doctor.probes.hub import probe_hub
from sgl.doctor.probes.python import probe_python, requirement_name
from sgl.doctor.probes.shell import probe_shell
from sgl.doctor.probes.torch import probe_torch
from sgl.doctor.recorded import RecordedMachine
from sgl.doctor.run import Wishes, examine
from sgl_cli.completion.install import find_target
from tests.doctor.catalogue import h100
from tests.doctor.parts import GIB, TORCH_CHILD, ordinary, with_files, with_variables


def answering(ran: Ran) -> RecordedMachine:
    return RecordedMachine(replace(ordinary(), commands={TORCH_CHILD: ran}))


@pytest.mark.parametrize(
    ("ran", "outcome", "message"),
    [
        (Ran(status=-11), "crash", "SIGSEGV"),
        (Ran(status=-99), "crash", "signal 99"),
        (Ran(status=1, stderr="Traceback ...\nOSError: bad\n"), "crash", "OSError: bad"),
        (Ran(status=1), "crash", "exit status 1, without a word"),
        (Ran(status=None, problem="timeout"), "timeout", "no answer in 60 s"),
        (Ran(status=0, stdout="banner\n"), "crash", "it ended without an answer"),
        (Ran(status=0, stdout="banner\n{}"), "missing", ""),
        (Ran(status=0, stdout='{"torch": {"error": "ImportError: a\\n  b"}}'), "error", "ImportError: a b"),
    ],
)
def test_ways_in_which_torch_fails(ran: Ran, outcome: str, message: str) -> None:
    facts = probe_torch(answering(ran))
    assert (facts.outcome, facts.message) == (outcome, message)


def test_a_probe_that_fails_is_a_finding_and_the_others_go_on() -> None:
    machine = answering(Ran(status=0, stdout='{"torch": {"error": "", "version": 5}}'))
    findings = examine(machine, Wishes(groups=("python", "cpu")))
    (broken,) = [finding for finding in findings if finding.code == "SGL199"]
    assert broken.status == "error"
    assert "KeyError" in broken.detail
    assert {finding.group for finding in findings} == {"python", "cpu"}


def test_the_groups_that_are_wanted_and_no_others() -> None:
    findings = examine(RecordedMachine(h100().recording), Wishes(groups=("cpu",)))
    assert {finding.group for finding in findings} == {"cpu"}


def test_quick_does_not_import_torch() -> None:
    findings = examine(RecordedMachine(h100().recording), Wishes(groups=("python",), quick=True))
    (torch,) = [finding for finding in findings if finding.title == "torch"]
    assert torch.status == "skip"
    assert "2.13.0+cu130" in torch.detail


def test_a_gpu_without_compute_capability() -> None:
    recording = h100().recording
    commands = {key: ran for key, ran in recording.commands.items() if "compute_cap" not in key}
    (gpu,) = probe_gpu(RecordedMachine(replace(recording, commands=commands))).gpus
    assert gpu.capability is None


def test_smi_without_devices() -> None:
    commands = {"nvidia-smi -q -x": Ran(status=6, stdout="No devices were found\n")}
    facts = probe_gpu(RecordedMachine(replace(ordinary(), commands=commands)))
    assert (facts.smi, facts.gpus) == ("ok", ())


def test_the_driver_of_the_kernel() -> None:
    text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.127.05  Tue Oct  8 03:22:07 UTC 2024\nGCC version: 12\n"
    machine = RecordedMachine(with_files(ordinary(), {"/proc/driver/nvidia/version": text}))
    assert probe_gpu(machine).driver == "550.127.05"


def test_the_smallest_limit_of_all_groups_counts() -> None:
    files = {
        "/proc/self/cgroup": "0::/a/b\n",
        "/sys/fs/cgroup/memory.max": "max\n",
        "/sys/fs/cgroup/a/memory.max": f"{4 * GIB}\n",
        "/sys/fs/cgroup/a/memory.current": f"{3 * GIB}\n",
        "/sys/fs/cgroup/a/b/memory.max": f"{6 * GIB}\n",
        "/sys/fs/cgroup/a/b/cpu.max": "250000 100000\n",
    }
    facts = probe_cpu(RecordedMachine(with_files(ordinary(), files)))
    assert (facts.group_bytes, facts.available_bytes, facts.usable_bytes) == (4 * GIB, GIB, 4 * GIB)
    assert (facts.quota, facts.usable_cores) == (2.5, 2.5)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, "/home/ada/.cache/huggingface/hub"),
        ({"HF_HOME": "/data/hf"}, "/data/hf/hub"),
        ({"HF_HUB_CACHE": "/data/hub", "HF_HOME": "/x"}, "/data/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_where_the_cache_is(variables: dict[str, str], folder: str) -> None:
    assert probe_hub(RecordedMachine(with_variables(ordinary(), **variables))).cache == folder


def test_the_token_is_found_and_not_read() -> None:
    recording = ordinary()
    assert probe_hub(RecordedMachine(recording)).token_from == "/home/ada/.cache/huggingface/token"
    machine = RecordedMachine(with_variables(recording, HF_TOKEN="hf_secret_secret"))
    assert probe_hub(machine).token_from == "HF_TOKEN"
    assert "hf_secret" not in repr(examine(machine, Wishes(groups=("system",))))


def test_the_last_of_equal_mounts_counts() -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\nfiler:/h /home nfs4 rw 0 0\n/dev/sdb1 /home xfs rw 0 0\nx /home/a\\040b nfs rw 0 0\n"
    )
    machine = RecordedMachine(with_files(ordinary(), {"/proc/self/mounts": mounts}))
    assert probe_hub(machine).file_system == "xfs"


def test_packages_are_followed_through_what_they_require() -> None:
    facts = probe_python(RecordedMachine(h100().recording))
    assert {"sgl", "torch", "triton", "numpy"} <= facts.packages.keys()
    assert facts.version("tomli") == ""


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("torch<2.14,>=2.11", "torch"),
        ("Jinja2", "jinja2"),
        ("ruamel.yaml (>=0.17)", "ruamel-yaml"),
        ("uvicorn[standard]>=0.35", "uvicorn"),
        ('nvidia_cublas__cu12==1; sys_platform == "linux"', "nvidia-cublas-cu12"),
        ("", ""),
    ],
)
def test_names_in_requirements(requirement: str, name: str) -> None:
    assert requirement_name(requirement) == name


def test_one_program_in_a_folder_with_two_names_is_one() -> None:
    recording = with_variables(ordinary(), PATH="/usr/bin:/bin")
    machine = RecordedMachine(replace(recording, existing=["/usr/bin/sgl", "/bin/sgl"], links={"/bin": "usr/bin"}))
    assert probe_shell(machine).programs == ("/usr/bin/sgl",)


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        ("bash", "/home/ada/.local/share/bash-completion/completions/sgl"),
        ("bash", "/usr/share/bash-completion/completions/sgl.bash"),
        ("zsh", "/home/ada/.local/share/zsh/site-functions/_sgl"),
        ("fish", "/home/ada/.config/fish/completions/sgl.fish"),
    ],
)
def test_where_completion_scripts_are(shell: str, script: str) -> None:
    recording = with_variables(ordinary(), SHELL=f"/usr/bin/{shell}")
    assert probe_shell(RecordedMachine(recording)).completion == ""
    machine = RecordedMachine(replace(recording, existing=[*recording.existing, script]))
    assert probe_shell(machine).completion == script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_doctor_looks_where_the_installer_writes(shell: str) -> None:
    script = str(find_target(shell, {"HOME": "/home/ada"}, ()).script)
    recording = with_variables(ordinary(), SHELL=f"/usr/bin/{shell}")
    assert probe_shell(RecordedMachine(replace(recording, existing=[script]))).completion == script

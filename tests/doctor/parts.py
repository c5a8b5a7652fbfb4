"""Parts of recordings: an ordinary machine, and what can be different about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sgl.doctor.machine import Disk, Distribution, Identity, Interpreter, Ran
from sgl.doctor.recorded import Recording
from tests.doctor.smi import Card, capabilities, smi_xml, topology

GIB: Final = 2**30
TORCH_CHILD: Final = "{python} -m sgl.doctor.torch_probe"
CACHE: Final = "/home/ada/.cache/huggingface/hub"
CUDA_CODE: Final = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")
REQUIRES: Final = (
    "torch<2.14,>=2.11",
    "transformers<6,>=5.20",
    "tokenizers>=0.22",
    "safetensors>=0.6",
    "huggingface-hub>=1.0",
    "numpy>=1.26",
    'tomli>=2; python_version < "3.11"',
    'flashinfer-python>=0.6; sys_platform == "linux" and extra == "cuda"',
)


def ordinary(
    *,
    memory_gib: int = 64,
    cores: int = 16,
    flags: str = "fma avx avx2 avx512f avx512bw avx512_vnni",
    model: str = "AMD EPYC 9354 32-Core Processor",
) -> Recording:
    """A Linux server without a GPU on which everything is fine."""
    kib = 2**20
    return Recording(
        interpreter=Interpreter(
            version="3.12.7",
            bits=64,
            executable="/home/ada/sgl/.venv/bin/python",
            prefix="/home/ada/sgl/.venv",
            base_prefix="/usr",
            managed=True,
            platform="linux",
            machine="x86_64",
            kernel="6.8.0-48-generic",
            encoding="utf-8",
        ),
        identity=Identity(user="ada", hostname="lovelace.example.org", home="/home/ada"),
        environ={"HOME": "/home/ada", "SHELL": "/bin/bash", "PATH": "/home/ada/sgl/.venv/bin:/usr/bin:/bin"},
        commands={TORCH_CHILD: torch_answer(threads=cores)},
        files={
            "/proc/cpuinfo": f"processor\t: 0\nmodel name\t: {model}\nflags\t\t: fpu vme sse2 {flags}\n",
            "/proc/meminfo": (
                f"MemTotal:       {memory_gib * kib} kB\nMemFree:        {memory_gib * kib // 2} kB\n"
                f"MemAvailable:   {memory_gib * kib * 3 // 4} kB\n"
                f"SwapTotal:       {8 * kib} kB\nSwapFree:        {8 * kib} kB\nHugePages_Total:       0\n"
            ),
            "/proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
            "/proc/self/mounts": "/dev/nvme0n1p2 / ext4 rw,relatime 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0\n",
            "/etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
            "/sys/fs/cgroup/user.slice/memory.max": "max\n",
            "/sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
        },
        folders={"/dev": ["null", "shm", "tty"], CACHE: ["models--Qwen--Qwen3-0.6B", "version.txt"]},
        existing=["/dev/shm", "/home/ada/sgl/.venv/bin/sgl", "/home/ada/.cache/huggingface/token"],
        writable={"/home/ada": True, "/": False},
        disks={"/": Disk(total=960 * GIB, free=512 * GIB), "/dev/shm": Disk(total=32 * GIB, free=32 * GIB)},
        limits={"open_files": 65536, "locked_bytes": None, "processes": 256000},
        cores=(cores, cores),
        distributions=packages("2.13.0+cpu"),
    )


def packages(torch: str, **others: str) -> dict[str, Distribution]:
    """sgl and what it needs; ``others`` are versions by name, with ``_`` for ``-``."""
    versions = {
        "transformers": "5.24.0",
        "tokenizers": "0.22.2",
        "safetensors": "0.7.0",
        "huggingface-hub": "2.4.0",
        "numpy": "2.3.5",
        **{name.replace("_", "-"): version for name, version in others.items()},
    }
    triton = ('triton==3.7.0; platform_system == "Linux" and platform_machine == "x86_64"',) if "+cu" in torch else ()
    found = {name: Distribution(name=name, versions=(version,)) for name, version in versions.items() if version}
    sgl = Distribution(name="sgl", versions=("0.1.0",), requires=REQUIRES)
    return {
        "sgl": sgl,
        **({"torch": Distribution(name="torch", versions=(torch,), requires=triton)} if torch else {}),
        **found,
        **({"triton": Distribution(name="triton", versions=("3.7.0",))} if triton else {}),
    }


def torch_answer(
    version: str = "2.13.0+cpu",
    cards: Sequence[Card] = (),
    *,
    threads: int = 16,
    arch_list: Sequence[str] = CUDA_CODE,
    cuda_error: str = "",
    without_peer_access: Sequence[tuple[int, int]] = (),
    triton: str = "3.7.0",
    flashinfer: str = "",
) -> Ran:
    """What the torch child prints; CUDA is that of the version's ending, e.g. ``+cu130``."""
    tag = version.partition("+cu")[2]
    devices = [] if cuda_error else [_device(card) for card in cards]
    torch: dict[str, Any] = {
        "version": version,
        "error": "",
        "cuda": f"{tag[:-1]}.{tag[-1]}" if tag else "",
        "threads": threads,
        "cpu_capability": "AVX512",
        "arch_list": list(arch_list) if devices else [],
        "cuda_error": cuda_error,
        "devices": devices,
        "nccl": "2.28.9" if devices else "",
        "without_peer_access": [list(pair) for pair in without_peer_access],
    }
    answer: dict[str, Any] = {"torch": torch}
    if tag and triton:
        answer["triton"] = {"version": triton, "error": ""}
    if flashinfer:
        answer["flashinfer"] = {"version": flashinfer, "error": ""}
    return Ran(status=0, stdout=json.dumps(answer))


def with_cards(
    recording: Recording,
    cards: Sequence[Card],
    *,
    driver: str = "580.95.05",
    cuda: str = "13.0",
    link: str = "",
    torch: str = "2.13.0+cu130",
    answer: Ran | None = None,
) -> Recording:
    """The machine with GPUs and a CUDA build of torch."""
    commands = {
        **recording.commands,
        TORCH_CHILD: answer or torch_answer(torch, cards),
        "nvidia-smi -q -x": Ran(status=0, stdout=smi_xml(cards, driver, cuda)),
        "nvidia-smi --query-gpu=index,compute_cap --format=csv,noheader": Ran(status=0, stdout=capabilities(cards)),
    }
    if link:
        commands["nvidia-smi topo -m"] = Ran(status=0, stdout=topology(len(cards), link))
    devices = [*(f"nvidia{index}" for index in range(len(cards))), "nvidia-uvm", "nvidiactl"]
    return replace(
        recording,
        commands=commands,
        folders={**recording.folders, "/dev": sorted([*recording.folders["/dev"], *devices])},
        distributions=packages(torch),
    )


def in_docker(recording: Recording, shm_bytes: int = 64 * 2**20) -> Recording:
    """The machine as a process in a Docker container sees it."""
    disks = {**recording.disks, "/dev/shm": Disk(total=shm_bytes, free=shm_bytes)}
    files = {**recording.files, "/proc/self/cgroup": "0::/\n"}
    return replace(recording, disks=disks, files=files, existing=[*recording.existing, "/.dockerenv"])


def with_variables(recording: Recording, **variables: str) -> Recording:
    """The machine with more environment variables."""
    return replace(recording, environ={**recording.environ, **variables})


def with_files(recording: Recording, files: dict[str, str]) -> Recording:
    """The machine with other contents of files."""
    return replace(recording, files={**recording.files, **files})


def _device(card: Card) -> dict[str, Any]:
    major, minor = card.capability.split(".")
    return {
        "name": card.name,
        "capability": [int(major), int(minor)],
        "memory_bytes": card.total * 2**20,
        "free_bytes": (card.total - card.used - 551) * 2**20,
    }

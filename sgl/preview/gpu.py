"""`look_for_gpu`: what a start would find of GPUs, guessed without torch: by nvidia-smi and by what is installed.

The engine process asks torch itself. Both end in `sgl.gpu.assess`; where this guess is wrong, the start says so.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sgl.gpu import Accelerator, GpuInfo, Package, Torch, assess, is_interpreted

QUERY: Final = (
    *("nvidia-smi", "--format=csv,noheader,nounits"),
    "--query-gpu=index,uuid,name,memory.total,memory.free,compute_cap",
)
TIMEOUT: Final = 20.0
"""Seconds; without persistence mode the driver first has to wake every GPU."""
_MIB: Final = 2**20
_CUDA: Final = re.compile(r"^cuda\b[^=]*= *'([^']*)'", re.MULTILINE)
"""The line of torch/version.py that says which CUDA a build is for; ``None`` for the CPU."""

Ask = Callable[[Sequence[str]], str]
"""Runs a program and returns what it prints; empty where it is missing, fails or hangs."""


def look_for_gpu(
    environ: Mapping[str, str] = os.environ, ask: Ask | None = None, *, nvidia: bool = True
) -> Accelerator:
    """Looks at this machine. Costs next to nothing where there is no nvidia-smi.

    Args:
        ask: Runs nvidia-smi.
        nvidia: Whether it is to be asked at all; a start for the CPU has no use for that.
    """
    version = _version("torch")
    torch = Torch(version=version, cuda=_cuda_of_torch() if version else "")
    gpus = [] if not (torch.cuda and nvidia) else _listed((ask or _run)(QUERY))
    gpu = first_visible(gpus, environ.get("CUDA_VISIBLE_DEVICES"))
    flashinfer = installed("flashinfer", "flashinfer-python")
    return assess(torch, gpu, installed("triton"), flashinfer, interpreted=is_interpreted(environ))


def installed(name: str, distribution: str = "") -> Package:
    """A package that could be imported, as far as that shows without doing it."""
    if find_spec(name) is None:
        return Package()
    return Package(_version(distribution or name) or "of unknown version")


def first_visible(gpus: Sequence[tuple[str, str, GpuInfo]], visible: str | None) -> GpuInfo | None:
    """The GPU that a program sees as the first one.

    Args:
        gpus: (index, UUID, GPU) of each.
        visible: CUDA_VISIBLE_DEVICES: indices or beginnings of UUIDs; None shows all.
    """
    if visible is None:
        return gpus[0][2] if gpus else None
    wanted = visible.partition(",")[0].strip()
    for index, uuid, gpu in gpus:
        if wanted and (wanted == index or uuid.startswith(wanted)):
            return gpu
    return None


def _listed(text: str) -> list[tuple[str, str, GpuInfo]]:
    """Reads lines like ``0, GPU-5f..., NVIDIA H200, 143771, 143157, 9.0``; one that is none is left out."""
    found = []
    for line in text.splitlines():
        words = [word.strip() for word in line.split(",")]
        if len(words) != 6 or not (words[3].isdecimal() and words[4].isdecimal()):
            continue
        digits = words[5].replace(".", "")
        gpu = GpuInfo(
            name=words[2],
            memory_bytes=int(words[3]) * _MIB,
            available_bytes=int(words[4]) * _MIB,
            capability=int(digits) if digits.isdecimal() else 0,
        )
        found.append((words[0], words[1], gpu))
    return found


def _run(command: Sequence[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):  # A driver in trouble; the doctor says more.
        return ""
    return ran.stdout if ran.returncode == 0 else ""


def _cuda_of_torch() -> str:
    """CUDA of the installed build of torch, from the file that the build wrote; empty without."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    try:
        found = _CUDA.search((Path(spec.origin).parent / "version.py").read_text(encoding="utf-8"))
    except OSError:
        return ""
    return "" if found is None else found[1]


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""

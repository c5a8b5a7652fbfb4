"""A GPU as plain data, and whether this installation can compute on it. Read without torch.

Who looks decides how: the engine process asks torch (`sgl.engine.device`), a preview asks nvidia-smi
(`sgl.preview.gpu`), the doctor its probes. `assess` judges for all of them, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

OLDEST: Final = 80
"""Compute capability that kernels are made for, and newer ones: Ampere. Older GPUs have no bfloat16."""
FIRST_FP8: Final = 89
"""Compute capability from which a GPU multiplies FP8 in hardware: Ada, Hopper and newer."""
INTERPRET: Final = "TRITON_INTERPRET"
"""Triton's own variable: kernels are interpreted on the CPU, for tests."""
CUDA_TORCH: Final = "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu130"
_TRUE: Final = frozenset({"1", "true", "on", "yes", "y"})
"""What Triton takes for yes."""
_BY_DOCTOR: Final = "the build that `sgl doctor` names for the driver"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuInfo:
    """One CUDA device.

    Attributes:
        name: ``NVIDIA H200``.
        memory_bytes: All of its memory.
        available_bytes: What can be taken now.
        capability: Compute capability, ``90`` for sm_90; 0 where it is not known.
        multiprocessors: Of the device; 0 where it is not known.
    """

    name: str
    memory_bytes: int
    available_bytes: int
    capability: int = 0
    multiprocessors: int = 0


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package: its version, or why it cannot be imported, or, with a ``remedy``, why it does not run."""

    version: str = ""
    problem: str = "it is not installed"
    remedy: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be imported, as far as that is known without trying."""
        return bool(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Torch:
    """What torch says about CUDA.

    Attributes:
        version: ``2.13.0+cu130``.
        cuda: CUDA of the build; empty for one without.
        error: Why CUDA does not start, in its own words.
        codes: What the build has code for: ``sm_90``, ``compute_90``; empty where that is not known.
    """

    version: str
    cuda: str
    error: str = ""
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """What there is to compute with beside the CPU.

    Attributes:
        gpu: The first visible GPU.
        problem: Why it cannot be used, to stand after "because"; empty where it can.
        remedy: What to do about that.
        triton: Kernels of ours need it.
        flashinfer: Optional kernels for attention.
        interpreted: Triton interprets kernels, on the CPU (``TRITON_INTERPRET=1``).
    """

    gpu: GpuInfo | None = None
    problem: str = "there is no CUDA device"
    remedy: str = "look at `sgl doctor --only gpu`"
    triton: Package = Package()
    flashinfer: Package = Package()
    interpreted: bool = False

    @property
    def usable(self) -> GpuInfo | None:
        """The GPU, where everything that is needed for it is there."""
        return None if self.problem else self.gpu


NO_GPU: Final = Accelerator()
"""A machine with nothing but its CPU."""


def has_code(codes: Iterable[str], capability: int) -> bool:
    """Whether a build's code runs on a GPU of this compute capability.

    Machine code (``sm_86``) runs on the same major version with an equal or higher minor one, code with a letter
    (``sm_90a``) on exactly its own, portable code (``compute_80``) on everything newer. CUDA C++ Programming Guide,
    "Application Compatibility".
    """
    for name in codes:
        kind, _, digits = name.partition("_")
        exact = not digits.isdecimal()
        digits = digits.rstrip("af")
        if not digits.isdecimal():
            continue
        own = int(digits)
        if own == capability or (kind == "compute" and not exact and own <= capability):
            return True
        if kind == "sm" and not exact and own // 10 == capability // 10 and own <= capability:
            return True
    return False


def is_interpreted(environ: Mapping[str, str]) -> bool:
    """Whether Triton interprets kernels where these variables are set."""
    return environ.get(INTERPRET, "").strip().lower() in _TRUE


def assess(
    torch: Torch, gpu: GpuInfo | None, triton: Package, flashinfer: Package, *, interpreted: bool = False
) -> Accelerator:
    """Judges what was found; the first thing that is missing is told."""
    problem, remedy = _missing(torch, gpu, triton, interpreted=interpreted)
    return Accelerator(
        gpu=gpu, problem=problem, remedy=remedy, triton=triton, flashinfer=flashinfer, interpreted=interpreted
    )


def _missing(torch: Torch, gpu: GpuInfo | None, triton: Package, *, interpreted: bool) -> tuple[str, str]:
    """(what is missing, what to do); both are empty where nothing is."""
    if not torch.cuda:
        return f"torch {torch.version} is a build without CUDA", f"{CUDA_TORCH}, or {_BY_DOCTOR}"
    if torch.error:
        return f"CUDA does not start: {torch.error}", "look at `sgl doctor --only python,gpu`"
    if gpu is None:
        return NO_GPU.problem, NO_GPU.remedy
    if 0 < gpu.capability < OLDEST:
        return f"{gpu.name} is sm_{gpu.capability}, and kernels are made for sm_{OLDEST} and newer", "use --device cpu"
    if torch.codes and gpu.capability and not has_code(torch.codes, gpu.capability):
        return (
            f"torch {torch.version} has no code for sm_{gpu.capability} ({gpu.name})",
            f"{CUDA_TORCH}, or {_BY_DOCTOR}",
        )
    if interpreted:
        return f"{INTERPRET}=1 has kernels interpreted on the CPU", f"unset {INTERPRET}"
    if triton.remedy:
        return f"triton does not run here: {triton.problem}", triton.remedy
    if not triton.usable:
        return f"triton cannot be imported: {triton.problem}", "pip install triton"
    return "", ""

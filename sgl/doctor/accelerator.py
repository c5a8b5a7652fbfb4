"""`accelerator_of`: what the probes found of GPUs, judged as a start judges it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sgl.doctor.checks.visible import Visible
from sgl.doctor.probes.gpu import GpuFacts
from sgl.doctor.probes.python import PythonFacts
from sgl.doctor.probes.torch import Imported, TorchFacts
from sgl.gpu import Accelerator, GpuInfo, Package, Torch, assess, is_interpreted

_CUDA_BUILD: Final = "of unknown version"


def accelerator_of(
    gpu: GpuFacts, torch: TorchFacts | None, python: PythonFacts, environ: Mapping[str, str]
) -> Accelerator:
    """What a start would find.

    Args:
        torch: What torch says, where it could be imported; None where that was not tried: then what is installed is
            believed.
        environ: Says whether Triton interprets.
    """
    if torch is None:
        said = Torch(version=python.version("torch") or "(not installed)", cuda=_installed_cuda(python))
        triton, flashinfer = (_installed(python, name) for name in ("triton", "flashinfer-python"))
    else:
        cuda = "" if torch.cuda is None else f"{torch.cuda[0]}.{torch.cuda[1]}"
        said = Torch(version=torch.version, cuda=cuda, error=torch.cuda_error, codes=torch.arch_list)
        triton, flashinfer = _imported(torch.triton), _imported(torch.flashinfer)
    return assess(said, _first(gpu, torch), triton, flashinfer, interpreted=is_interpreted(environ))


def _first(gpu: GpuFacts, torch: TorchFacts | None) -> GpuInfo | None:
    """The GPU that a program sees as the first one: torch's, else that of nvidia-smi and CUDA_VISIBLE_DEVICES."""
    if torch is not None and torch.devices:
        device = torch.devices[0]
        return GpuInfo(
            name=device.name,
            memory_bytes=device.memory_bytes,
            available_bytes=device.free_bytes,
            capability=10 * device.capability[0] + device.capability[1],
        )
    indices = Visible.of(gpu).indices
    if not indices:
        return None
    first = next(each for each in gpu.gpus if each.index == indices[0])
    major, minor = first.capability or (0, 0)
    return GpuInfo(
        name=first.name,
        memory_bytes=first.memory_bytes,
        available_bytes=first.free_bytes,
        capability=10 * major + minor,
    )


def _installed_cuda(python: PythonFacts) -> str:
    """CUDA of the installed torch by its version's ending; builds without one are for CUDA if they need triton."""
    found = python.packages.get("torch")
    if found is None:
        return ""
    tag = found.versions[0].partition("+")[2]
    if tag.startswith("cu") and tag[2:].isdecimal():
        return f"{tag[2:-1]}.{tag[-1]}"
    needs_triton = any(line.startswith("triton") for line in found.requires)
    return _CUDA_BUILD if not tag and needs_triton else ""


def _installed(python: PythonFacts, name: str) -> Package:
    version = python.version(name)
    return Package(version) if version else Package()


def _imported(found: Imported) -> Package:
    return Package(problem=found.error) if found.error else Package(found.version) if found.version else Package()

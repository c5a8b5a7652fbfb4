"""torch: whether it can be imported, and whether its build suits the driver and the GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.doctor.checks.gpu import DRIVER_LOG, NEW_DRIVER
from sgl.doctor.finding import Finding
from sgl.doctor.probes.gpu import GpuFacts
from sgl.doctor.probes.python import PythonFacts, requirement_name
from sgl.doctor.probes.torch import TorchFacts
from sgl.doctor.subject import Subject
from sgl.gpu import has_code

INDEX: Final = "https://download.pytorch.org/whl"
"""Where builds of torch are; https://pytorch.org/get-started/previous-versions lists them."""
BUILDS: Final = {12: "cu126", 13: "cu130"}
"""CUDA's major version -> a build that every version of torch that sgl supports has."""
BLACKWELL: Final = 10
"""Major compute capability from which on the build for CUDA 12.6 has no code."""
BLACKWELL_BUILD: Final = "cu128"

_TORCH: Final = Subject("SGL105", "python", "torch")
_BUILD: Final = Subject("SGL106", "python", "torch build")
_CODE: Final = Subject("SGL107", "python", "torch code")
_TRITON: Final = Subject("SGL108", "python", "triton")
_FLASHINFER: Final = Subject("SGL109", "python", "flashinfer")
_START: Final = Subject("SGL110", "python", "CUDA")


def check_torch(torch: TorchFacts, python: PythonFacts, gpu: GpuFacts) -> Iterator[Finding]:
    """torch itself, and what it has to do with the GPUs."""
    yield _imported(torch, python, gpu)
    if torch.outcome != "ok":
        return
    if gpu.present or torch.devices:
        build = _build(torch, python, gpu)
        yield build
        if build.status != "error":
            yield from _cuda(torch, python, gpu)
    if torch.flashinfer.installed:
        yield _flashinfer(torch)


def _cuda(torch: TorchFacts, python: PythonFacts, gpu: GpuFacts) -> Iterator[Finding]:
    """A CUDA build on a machine with a GPU whose driver suits it."""
    yield from _start(torch, gpu)
    capabilities = [each.capability for each in gpu.gpus if each.capability is not None]
    capabilities = capabilities or [device.capability for device in torch.devices]
    if torch.arch_list and capabilities:
        yield _code(torch, python, gpu, capabilities)
    yield _triton(torch)


def install_torch(python: PythonFacts, build: str) -> str:
    """The command that puts another build of torch in place of the installed one."""
    required = python.packages["sgl"].requires if "sgl" in python.packages else ()
    wanted = next((line.partition(";")[0].strip() for line in required if requirement_name(line) == "torch"), "torch")
    return f"pip install --force-reinstall '{wanted}' --index-url {INDEX}/{build}"


def missing_torch(python: PythonFacts, gpu: GpuFacts) -> Finding:
    """There is no torch."""
    return _TORCH.error("not installed", install_torch(python, suitable_build(gpu)).replace(" --force-reinstall", ""))


def suitable_build(gpu: GpuFacts) -> str:
    """The build for the driver and the newest GPU: ``cu126``, ``cu128`` or ``cu130``; ``cpu`` without a driver."""
    if gpu.cuda is None:
        return "cpu"
    major = min(max(gpu.cuda[0], min(BUILDS)), max(BUILDS))
    newest = max((each.capability[0] for each in gpu.gpus if each.capability is not None), default=0)
    return BLACKWELL_BUILD if major < 13 and newest >= BLACKWELL else BUILDS[major]


def _imported(torch: TorchFacts, python: PythonFacts, gpu: GpuFacts) -> Finding:
    version = torch.version or python.version("torch")
    again = install_torch(python, "cpu" if "+cpu" in version else BUILDS[max(BUILDS)])
    if torch.outcome == "ok":
        parts = [version, *([torch.cpu_capability] if torch.cpu_capability else []), f"{torch.threads} threads"]
        return _TORCH.ok(", ".join(parts), version=version, threads=torch.threads)
    if torch.outcome == "missing":
        return missing_torch(python, gpu)
    if torch.outcome == "timeout" and gpu.smi == "timeout":
        detail = f"{version} hangs when it is imported, and nvidia-smi hangs as well: the driver is in trouble"
        return _TORCH.error(detail, DRIVER_LOG, version=version)
    if torch.outcome == "timeout":
        return _TORCH.error(f"{version} hangs when it is imported: {torch.message}", again, version=version)
    if torch.outcome == "crash":
        return _TORCH.error(f"{version} crashes when it is imported: {torch.message}", again, version=version)
    return _TORCH.error(f"{version} cannot be imported: {torch.message}", again, version=version)


def _build(torch: TorchFacts, python: PythonFacts, gpu: GpuFacts) -> Finding:
    """The CUDA of the build against the driver's."""
    if torch.cuda is None:
        detail = f"{torch.version} has no CUDA: the GPU cannot be used"
        return _BUILD.error(detail, install_torch(python, suitable_build(gpu)), version=torch.version)
    build = _dotted(torch.cuda)
    if gpu.cuda is None:
        return _BUILD.ok(f"for CUDA {build}", cuda=build)
    driver = _dotted(gpu.cuda)
    if torch.cuda[0] > gpu.cuda[0]:
        detail = f"{torch.version} is for CUDA {build}, and driver {gpu.driver} ends at {driver}"
        if gpu.cuda[0] < min(BUILDS):
            return _BUILD.error(detail, NEW_DRIVER, cuda=build, driver_cuda=driver)
        return _BUILD.error(detail, install_torch(python, suitable_build(gpu)), cuda=build, driver_cuda=driver)
    known = f"for CUDA {build}, and the driver knows {driver}"
    minor = "; minor versions may differ" if torch.cuda > gpu.cuda else ""
    return _BUILD.ok(known + minor, cuda=build, driver_cuda=driver)


def _start(torch: TorchFacts, gpu: GpuFacts) -> Iterator[Finding]:
    if torch.cuda_error:
        if gpu.visible is not None and gpu.visible.strip() in ("", "-1"):
            detail = f"CUDA_VISIBLE_DEVICES={gpu.visible} hides every GPU from torch"
            yield _START.error(detail, "unset CUDA_VISIBLE_DEVICES")
        else:
            without_driver = gpu.smi == "missing" and not gpu.device_files
            remedy = NEW_DRIVER if without_driver else DRIVER_LOG
            yield _START.error(f"torch cannot start it: {torch.cuda_error}", remedy)
    elif torch.devices:
        count = len(torch.devices)
        nccl = f", NCCL {torch.nccl}" if torch.nccl else ""
        yield _START.ok(f"torch sees {count} GPU{'s' if count > 1 else ''}{nccl}", devices=count, nccl=torch.nccl)


def _code(torch: TorchFacts, python: PythonFacts, gpu: GpuFacts, capabilities: list[tuple[int, int]]) -> Finding:
    lacking = sorted({each for each in capabilities if not has_code(torch.arch_list, 10 * each[0] + each[1])})
    have = " ".join(torch.arch_list)
    if not lacking:
        names = ", ".join(sorted({_sm(each) for each in capabilities}))
        return _CODE.ok(f"runs on {names}", arch_list=list(torch.arch_list))
    names = ", ".join(map(_sm, lacking))
    build = BUILDS[13] if gpu.cuda is None or gpu.cuda[0] >= 13 else BLACKWELL_BUILD
    detail = f"{torch.version} has no code for {names}; it has {have}"
    return _CODE.error(detail, install_torch(python, build), arch_list=list(torch.arch_list))


def _triton(torch: TorchFacts) -> Finding:
    if torch.triton.error:
        return _TRITON.error(f"cannot be imported: {torch.triton.error}", "pip install --force-reinstall triton")
    if not torch.triton.installed:
        return _TRITON.error("not installed: without its kernels the GPU cannot be used", "pip install triton")
    return _TRITON.ok(torch.triton.version, version=torch.triton.version)


def _flashinfer(torch: TorchFacts) -> Finding:
    if torch.flashinfer.error:
        detail = f"cannot be imported: {torch.flashinfer.error}"
        return _FLASHINFER.warn(detail, "pip install --force-reinstall --no-deps flashinfer-python")
    return _FLASHINFER.ok(torch.flashinfer.version, version=torch.flashinfer.version)


def _sm(capability: tuple[int, int]) -> str:
    return f"sm_{capability[0]}{capability[1]}"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

"""The GPUs: the driver, each device, and what keeps it from working at full speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sgl.config.compute import describe
from sgl.config.sizes import gib
from sgl.doctor.checks.visible import Visible
from sgl.doctor.finding import Finding
from sgl.doctor.probes.gpu import GpuFacts
from sgl.doctor.probes.smi import Gpu, GpuProcess
from sgl.doctor.probes.system import SystemFacts
from sgl.doctor.probes.torch import TorchDevice, TorchFacts
from sgl.doctor.subject import Subject
from sgl.gpu import OLDEST, Accelerator

OLDEST_DRIVER: Final = 525
"""The first driver that knows CUDA 12 (CUDA Toolkit Release Notes, table of drivers)."""
BUSY_BYTES: Final = 2**30
BUSY_SHARE: Final = 0.05
HOT: Final = 90
"""Degrees Celsius at which a warning is due, throttling or not."""

_ENGINE: Final = Subject("SGL213", "gpu", "engine")
_SMI: Final = Subject("SGL215", "gpu", "nvidia-smi")
_DRIVER: Final = Subject("SGL202", "gpu", "driver")
_CONTAINER: Final = Subject("SGL212", "gpu", "container")
_NONE: Final = Subject("SGL201", "gpu", "GPU")
NEW_DRIVER: Final = "sudo apt install nvidia-driver-580"
DRIVER_LOG: Final = "sudo dmesg | grep -iE 'nvrm|xid'"
_CLOCKS: Final = "nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER"


def check_gpu(
    gpu: GpuFacts, torch: TorchFacts | None, system: SystemFacts, accelerator: Accelerator | None
) -> Iterator[Finding]:
    """Everything but the connections between GPUs.

    Args:
        accelerator: What a start makes of them; None where torch cannot be imported.
    """
    devices = torch.devices if torch is not None else ()
    if accelerator is not None and (gpu.gpus or devices):
        yield _engine(accelerator)
    if gpu.smi in ("timeout", "failed") and gpu.present:
        yield _SMI.error(gpu.message, DRIVER_LOG, state=gpu.smi)
    if not gpu.gpus:
        yield from _without_smi(gpu, devices, system)
        return
    yield _driver(gpu)
    yield from _inventory(gpu.gpus)
    for each in gpu.gpus:
        yield from _device(each, gpu)
    yield from _mixed(gpu)


def _engine(accelerator: Accelerator) -> Finding:
    """Where a start would compute, and with whose attention. What keeps a GPU back has a finding of its own."""
    gpu, triton, flashinfer = accelerator.usable, accelerator.triton.version, accelerator.flashinfer
    if gpu is None:
        return _ENGINE.skip(f"sgl serve computes on the CPU: {accelerator.problem}", device="cpu")
    attention = f"attention by Triton {triton}; FlashInfer: {flashinfer.problem}"
    if flashinfer.usable:
        attention = f"attention by FlashInfer {flashinfer.version} where it takes the model, else by Triton {triton}"
    return _ENGINE.ok(
        f"sgl serve computes on {describe(gpu)}; {attention}",
        device="cuda",
        capability=gpu.capability,
        triton=triton,
        flashinfer=flashinfer.version,
    )


def _without_smi(gpu: GpuFacts, devices: Sequence[TorchDevice], system: SystemFacts) -> Iterator[Finding]:
    """No GPU that nvidia-smi names: none at all, or a container that lacks the program or the devices."""
    if devices:
        for index, device in enumerate(devices):
            major, minor = device.capability
            memory = f"{gib(device.memory_bytes)}, {gib(device.free_bytes)} free"
            detail = f"{device.name}, sm_{major}{minor}, {memory}; nvidia-smi is missing here"
            yield Subject("SGL201", "gpu", f"GPU {index}").ok(detail, memory_bytes=device.memory_bytes)
    elif gpu.smi in ("timeout", "failed") and gpu.present:
        return
    elif gpu.pci_count and not any(name.startswith("nvidia") for name in gpu.device_files) and not system.container:
        detail = "an NVIDIA GPU is in this machine, and its driver is not installed or not loaded"
        yield _DRIVER.warn(detail, NEW_DRIVER, pci_devices=gpu.pci_count)
    elif system.wsl and "dxg" in gpu.device_files:
        detail = "WSL2 offers a GPU, and the NVIDIA driver of Windows is missing"
        yield _CONTAINER.warn(detail, "explorer.exe https://www.nvidia.com/drivers")
    elif any(name != "dxg" for name in gpu.device_files):
        names = ", ".join(f"/dev/{name}" for name in gpu.device_files[:3])
        detail = f"{names} are here, and neither nvidia-smi nor torch finds a GPU"
        yield _CONTAINER.warn(detail, "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility IMAGE")
    elif gpu.container_visible not in (None, "", "void", "none"):
        detail = f"NVIDIA_VISIBLE_DEVICES={gpu.container_visible}, yet this container has no /dev/nvidia*"
        yield _CONTAINER.warn(detail, "docker run --gpus all IMAGE")
    else:
        yield _NONE.ok("none, and none is needed: models run on the CPU", gpus=0)


def _driver(gpu: GpuFacts) -> Finding:
    major = gpu.driver.partition(".")[0]
    cuda = f" (CUDA {gpu.cuda[0]}.{gpu.cuda[1]})" if gpu.cuda else ""
    if major.isdecimal() and int(major) < OLDEST_DRIVER:
        detail = f"{gpu.driver}{cuda} is too old: torch for CUDA 12 needs {OLDEST_DRIVER} or newer"
        return _DRIVER.error(detail, NEW_DRIVER, driver=gpu.driver)
    return _DRIVER.ok(f"{gpu.driver}{cuda}", driver=gpu.driver)


def _inventory(gpus: Sequence[Gpu]) -> Iterator[Finding]:
    """One line for each run of equal GPUs."""
    start = 0
    while start < len(gpus):
        end = start
        while end < len(gpus) and _kind(gpus[end]) == _kind(gpus[start]):
            end += 1
        first = gpus[start]
        sm = f", sm_{first.capability[0]}{first.capability[1]}" if first.capability else ""
        memory = gib(first.memory_bytes)
        if end - start == 1:
            title, detail = f"GPU {start}", f"{first.name}{sm}, {memory}, {gib(first.free_bytes)} free"
        else:
            title, detail = f"GPU {start}-{end - 1}", f"{end - start} x {first.name}{sm}, {memory} each"
        yield Subject("SGL201", "gpu", title).ok(
            detail,
            name=first.name,
            count=end - start,
            memory_bytes=first.memory_bytes,
            free_bytes=min(each.free_bytes for each in gpus[start:end]),
        )
        start = end


def _kind(gpu: Gpu) -> tuple[str, int, tuple[int, int] | None]:
    return gpu.name, gpu.memory_bytes, gpu.capability


def _device(gpu: Gpu, facts: GpuFacts) -> Iterator[Finding]:
    title = f"GPU {gpu.index}"
    capability = Subject("SGL211", "gpu", title)
    if gpu.capability is not None and gpu.capability < (7, 5):
        detail = f"sm_{gpu.capability[0]}{gpu.capability[1]} is older than what builds of torch support"
        yield capability.error(detail, _others(gpu, facts) or "sgl serve --device cpu")
    elif gpu.capability is not None and gpu.capability < (8, 0):
        detail = f"sm_{gpu.capability[0]}{gpu.capability[1]} has no bfloat16"
        yield capability.warn(f"{detail}, and kernels are made for sm_{OLDEST} and newer", "sgl serve --device cpu")
    yield from _busy(gpu, facts)
    hot = gpu.temperature is not None and gpu.temperature >= HOT
    if gpu.throttling or hot:
        degrees = f"{gpu.temperature} C" if gpu.temperature is not None else "temperature unknown"
        why = ", ".join(gpu.throttling) or "nearly too hot"
        yield Subject("SGL204", "gpu", title).warn(
            f"runs slowed down: {why} ({degrees})", f"{_CLOCKS} -i {gpu.index}", temperature=gpu.temperature
        )
    yield from _memory_errors(gpu)
    if gpu.mig:
        yield _mig(gpu)
    if gpu.persistence is False and not gpu.display:
        detail = "persistence mode is off: each start takes seconds longer"
        yield Subject("SGL214", "gpu", title).warn(detail, f"sudo nvidia-smi -i {gpu.index} -pm 1")


def _busy(gpu: Gpu, facts: GpuFacts) -> Iterator[Finding]:
    if gpu.mig or gpu.used_bytes < max(BUSY_BYTES, BUSY_SHARE * gpu.memory_bytes):
        return
    by = "processes that are not visible from here"
    largest = sorted(gpu.processes, key=lambda process: -(process.memory_bytes or 0))
    if largest:
        by = ", ".join(_named(process) for process in largest[:2])
        by += f" and {len(largest) - 2} more" if len(largest) > 2 else ""
    look = f"kill {largest[0].pid}" if largest else "nvidia-smi --query-compute-apps=pid,name,used_memory --format=csv"
    yield Subject("SGL203", "gpu", f"GPU {gpu.index}").warn(
        f"{gib(gpu.used_bytes)} of {gib(gpu.memory_bytes)} are taken by {by}",
        _others(gpu, facts) or look,
        used_bytes=gpu.used_bytes,
        free_bytes=gpu.free_bytes,
        pids=[str(process.pid) for process in largest],
    )


def _named(process: GpuProcess) -> str:
    name = process.name.split(" ")[0].rpartition("/")[2]
    memory = f", {gib(process.memory_bytes)}" if process.memory_bytes is not None else ""
    return f"{name} (pid {process.pid}{memory})"


def _others(gpu: Gpu, facts: GpuFacts) -> str:
    """The command that chooses the GPUs beside this one that are as good and free; empty when there are none."""
    visible = Visible.of(facts)
    free = [
        str(other.index)
        for other in facts.gpus
        if other.index in visible.indices
        and other.index != gpu.index
        and other.used_bytes < max(BUSY_BYTES, BUSY_SHARE * other.memory_bytes)
        and (other.capability or (0, 0)) >= (8, 0)
    ]
    return f"export CUDA_VISIBLE_DEVICES={','.join(free)}" if free else ""


def _memory_errors(gpu: Gpu) -> Iterator[Finding]:
    subject = Subject("SGL205", "gpu", f"GPU {gpu.index}")
    reset = f"sudo nvidia-smi --gpu-reset -i {gpu.index}"
    counted = {"corrected": gpu.corrected_errors, "uncorrected": gpu.uncorrected_errors}
    if gpu.remap_failed:
        detail = "its memory has failed and has no spare rows left: have it replaced"
        yield subject.error(detail, f"nvidia-smi -q -d ECC,ROW_REMAPPER -i {gpu.index}", **counted)
    elif gpu.uncorrected_errors:
        yield subject.error(f"{gpu.uncorrected_errors} memory errors could not be corrected", reset, **counted)
    elif gpu.remap_pending:
        yield subject.warn("a bad row of its memory is replaced at the next reset", reset, **counted)


def _mig(gpu: Gpu) -> Finding:
    subject = Subject("SGL206", "gpu", f"GPU {gpu.index}")
    if not gpu.slices:
        return subject.error("MIG is on and there is no slice", f"sudo nvidia-smi -i {gpu.index} -mig 0")
    sizes = ", ".join(gib(each.memory_bytes) for each in gpu.slices)
    detail = f"MIG is on: a model gets one of its slices ({sizes})"
    return subject.warn(detail, f"sudo nvidia-smi -i {gpu.index} -mig 0", slices=len(gpu.slices))


def _mixed(facts: GpuFacts) -> Iterator[Finding]:
    visible = Visible.of(facts)
    chosen = [gpu for gpu in facts.gpus if gpu.index in visible.indices]
    kinds: dict[tuple[str, int], list[str]] = {}
    for gpu in chosen:
        kinds.setdefault((gpu.name, gpu.memory_bytes), []).append(str(gpu.index))
    if len(kinds) > 1:
        most = max(kinds.values(), key=len)
        names = ", ".join(f"{name} ({gib(memory)})" for name, memory in kinds)
        detail = f"different kinds: {names}; with --tp the slowest decides"
        remedy = f"export CUDA_VISIBLE_DEVICES={','.join(most)}"
        yield Subject("SGL207", "gpu", "GPUs").warn(detail, remedy, kinds=[name for name, _ in kinds])

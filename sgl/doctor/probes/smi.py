"""`parse_smi`: the XML that ``nvidia-smi -q -x`` prints, as data.

The elements are described in NVIDIA's manual page of nvidia-smi; both the older names (clocks_throttle_reasons) and
the newer ones (clocks_event_reasons, since driver 535) are understood. What a GPU does not have reads ``N/A``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

_MIB: Final = 2**20
_BAD_REASONS: Final = {
    "hw_thermal_slowdown": "too hot (hardware limit)",
    "sw_thermal_slowdown": "too hot",
    "hw_power_brake_slowdown": "the power supply asked for it",
    "hw_slowdown": "the hardware asked for it",
}
"""Reasons for low clocks that are no part of normal work; `sw_power_cap` and `gpu_idle` are."""


@dataclass(frozen=True, kw_only=True)
class GpuProcess:
    """A process that uses a GPU; ``memory_bytes`` is None where the driver does not say."""

    pid: int
    name: str
    memory_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class MigSlice:
    """A part of a GPU in MIG mode."""

    index: int
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, as the driver describes it.

    Attributes:
        capability: Compute capability, (9, 0) for sm_90; None when it could not be asked.
        mig: Whether it is split into slices.
        persistence: Whether the driver stays loaded; None where the GPU has no such mode.
        display: Whether a screen is connected and in use.
        throttling: Reasons for low clocks that are no part of normal work, in words.
        corrected_errors: Memory errors since the driver was loaded that were corrected.
        uncorrected_errors: Those that were not.
        remap_pending: Whether a row of memory is replaced at the next reset.
        remap_failed: Whether there was no spare row left.
        processes: Those that the driver names; none inside of most containers.
    """

    index: int
    name: str
    uuid: str
    memory_bytes: int
    used_bytes: int
    free_bytes: int
    capability: tuple[int, int] | None = None
    mig: bool = False
    slices: tuple[MigSlice, ...] = ()
    persistence: bool | None = None
    display: bool = False
    temperature: int | None = None
    throttling: tuple[str, ...] = ()
    corrected_errors: int = 0
    uncorrected_errors: int = 0
    remap_pending: bool = False
    remap_failed: bool = False
    processes: tuple[GpuProcess, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SmiReport:
    """The driver's version, the newest CUDA that it knows, and the GPUs in the order of their indices."""

    driver: str
    cuda: tuple[int, int] | None
    gpus: tuple[Gpu, ...]


def parse_smi(text: str) -> SmiReport:
    """Reads the answer of ``nvidia-smi -q -x``.

    Raises:
        ValueError: It is not that; the message says what it is.
    """
    if "<!ENTITY" in text:  # NVIDIA's has none; one that does may be made to fill our memory.
        raise ValueError("its XML declares entities")
    try:
        root = ElementTree.fromstring(text.strip())
    except ElementTree.ParseError as error:
        raise ValueError(f"its XML cannot be read ({error})") from error
    if root.tag != "nvidia_smi_log":
        raise ValueError(f"its XML is a {root.tag}, not a nvidia_smi_log")
    return SmiReport(
        driver=_word(root, "driver_version"),
        cuda=parse_version(_word(root, "cuda_version")),
        gpus=tuple(_gpu(index, element) for index, element in enumerate(root.findall("gpu"))),
    )


def parse_version(text: str) -> tuple[int, int] | None:
    """``12.8`` -> (12, 8); None when it is no version."""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor or 0)) if major.isdecimal() and (minor or "0").isdecimal() else None


def _gpu(index: int, gpu: ElementTree.Element) -> Gpu:
    persistence = _word(gpu, "persistence_mode")
    errors = gpu.find("ecc_errors/volatile")
    return Gpu(
        index=index,
        name=_word(gpu, "product_name") or "NVIDIA GPU",
        uuid=_word(gpu, "uuid"),
        memory_bytes=_bytes(gpu, "fb_memory_usage/total") or 0,
        used_bytes=_bytes(gpu, "fb_memory_usage/used") or 0,
        free_bytes=_bytes(gpu, "fb_memory_usage/free") or 0,
        mig=_word(gpu, "mig_mode/current_mig") == "Enabled",
        slices=tuple(_slice(element) for element in gpu.findall("mig_devices/mig_device")),
        persistence={"Enabled": True, "Disabled": False}.get(persistence),
        display=_word(gpu, "display_active") == "Enabled",
        temperature=_number(_word(gpu, "temperature/gpu_temp")),
        throttling=_throttling(gpu),
        corrected_errors=_count(errors, "_correctable", "correctable"),
        uncorrected_errors=_count(errors, "_uncorrectable", "uncorrectable"),
        remap_pending=_word(gpu, "remapped_rows/remapped_row_pending") == "Yes",
        remap_failed=_word(gpu, "remapped_rows/remapped_row_failure") == "Yes",
        processes=tuple(_processes(gpu)),
    )


def _slice(element: ElementTree.Element) -> MigSlice:
    return MigSlice(
        index=_number(_word(element, "index")) or 0, memory_bytes=_bytes(element, "fb_memory_usage/total") or 0
    )


def _throttling(gpu: ElementTree.Element) -> tuple[str, ...]:
    active = [
        words
        for reason, words in _BAD_REASONS.items()
        if "Active"
        in (
            _word(gpu, f"clocks_event_reasons/clocks_event_reason_{reason}"),
            _word(gpu, f"clocks_throttle_reasons/clocks_throttle_reason_{reason}"),
        )
    ]
    specific = [words for words in active if words != _BAD_REASONS["hw_slowdown"]]
    return tuple(specific or active)  # hw_slowdown is also set beside the reason it stands for.


def _count(errors: ElementTree.Element | None, inner: str, start: str) -> int:
    """The sum of the counters whose names hold ``inner`` or begin with ``start``."""
    if errors is None:
        return 0
    counted = [element for element in errors if inner in element.tag or element.tag.startswith(start)]
    return sum(_number((element.text or "").strip()) or 0 for element in counted)


def _processes(gpu: ElementTree.Element) -> list[GpuProcess]:
    found = []
    for element in gpu.findall("processes/process_info"):
        pid = _number(_word(element, "pid"))
        if pid is not None:
            name = _word(element, "process_name") or "a process"
            found.append(GpuProcess(pid=pid, name=name, memory_bytes=_bytes(element, "used_memory")))
    return found


def _word(element: ElementTree.Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    return "" if text in ("N/A", "[N/A]") else text


def _number(text: str) -> int | None:
    """``33 C`` -> 33."""
    word = text.partition(" ")[0]
    return int(word) if word.isdecimal() else None


def _bytes(element: ElementTree.Element, path: str) -> int | None:
    """``81559 MiB`` in bytes."""
    number = _number(_word(element, path))
    return None if number is None else number * _MIB

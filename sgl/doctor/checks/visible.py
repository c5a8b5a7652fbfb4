"""`Visible`: which GPUs a program sees, by CUDA_VISIBLE_DEVICES, and whether they suffice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sgl.doctor.finding import Finding
from sgl.doctor.probes.gpu import GpuFacts
from sgl.doctor.probes.torch import TorchFacts
from sgl.doctor.subject import Subject

_VARIABLE: Final = Subject("SGL208", "gpu", "visible GPUs")
_ENOUGH: Final = Subject("SGL210", "gpu", "--tp")
_CONNECTION: Final = Subject("SGL209", "gpu", "connection")
_NVLINK: Final = "NV"
_FAIR: Final = ("PIX", "PXB")


@dataclass(frozen=True, kw_only=True)
class Visible:
    """The GPUs that CUDA shows, by their index; ``wrong`` is the first entry that CUDA does not know."""

    indices: tuple[int, ...]
    wrong: str = ""

    @classmethod
    def of(cls, facts: GpuFacts) -> Visible:
        """Reads CUDA_VISIBLE_DEVICES as CUDA does: indices or beginnings of UUIDs, up to the first unknown one.

        CUDA C++ Programming Guide, "CUDA Environment Variables".
        """
        every = tuple(gpu.index for gpu in facts.gpus)
        if facts.visible is None:
            return cls(indices=every)
        chosen: list[int] = []
        for word in (word.strip() for word in facts.visible.split(",")):
            if word in ("", "-1"):
                break
            index = _index(word, facts)
            if index is None:
                return cls(indices=tuple(chosen), wrong=word)
            chosen.append(index)
        return cls(indices=tuple(dict.fromkeys(chosen)))


def check_visible(facts: GpuFacts, torch: TorchFacts | None, tp: int) -> Iterator[Finding]:
    """The variable, enough GPUs for --tp, and how they are connected."""
    visible = Visible.of(facts)
    if facts.visible is not None and facts.gpus:
        yield _variable(facts, visible)
    count = len(visible.indices) if facts.gpus else len(torch.devices) if torch is not None else 0
    if tp > 1 and count < tp:
        have = f"{count} GPU{'s are' if count != 1 else ' is'} visible" if count else "there is no GPU"
        yield _ENOUGH.error(f"--tp {tp} needs {tp} GPUs, and {have}", f"sgl doctor --tp {max(count, 1)}", gpus=count)
    elif count > 1:
        yield from _connection(facts, torch, visible, tp)


def _index(word: str, facts: GpuFacts) -> int | None:
    if word.isdecimal():
        return int(word) if int(word) < len(facts.gpus) else None
    if word.startswith("MIG-"):
        return next((gpu.index for gpu in facts.gpus if gpu.mig), None)
    return next((gpu.index for gpu in facts.gpus if word.startswith("GPU-") and gpu.uuid.startswith(word)), None)


def _variable(facts: GpuFacts, visible: Visible) -> Finding:
    value = f"CUDA_VISIBLE_DEVICES={facts.visible}"
    if visible.wrong:
        every = ",".join(str(gpu.index) for gpu in facts.gpus)
        detail = f"{value}: there is no GPU '{visible.wrong}', and CUDA ignores it and what follows"
        return _VARIABLE.error(detail, f"export CUDA_VISIBLE_DEVICES={every}", visible=facts.visible)
    if not visible.indices:
        return _VARIABLE.warn(f"{value} hides every GPU", "unset CUDA_VISIBLE_DEVICES", visible=facts.visible)
    shown = f"{len(visible.indices)} of {len(facts.gpus)}"
    return _VARIABLE.ok(f"{value} shows {shown}", visible=facts.visible)


def _connection(facts: GpuFacts, torch: TorchFacts | None, visible: Visible, tp: int) -> Iterator[Finding]:
    chosen = visible.indices[: tp if tp > 1 else None]
    slowest = facts.topology.slowest(chosen) if facts.topology is not None else None
    if slowest is None:
        if facts.gpus:
            yield _CONNECTION.skip("nvidia-smi does not say how the GPUs are connected")
        return
    first, second, link = slowest
    blocked = torch is not None and bool(torch.without_peer_access)
    words = _describe(link)
    pair = f"GPU {first} and {second}" if len(chosen) > 2 else "the two GPUs"
    if link.startswith(_NVLINK):
        yield _CONNECTION.ok(f"{words} between any two of {len(chosen)} GPUs", link=link)
    elif link in _FAIR and not blocked:
        yield _CONNECTION.ok(f"{pair} share {words}: fair for --tp", link=link)
    elif tp > 1:
        peer = ", and cannot read each other's memory" if blocked else ""
        detail = f"{pair} are connected {words}{peer}: --tp {tp} will be slow"
        yield _CONNECTION.warn(detail, f"export CUDA_VISIBLE_DEVICES={chosen[0]}", link=link)
    else:
        yield _CONNECTION.ok(f"{pair} are connected {words}: one server each, rather than --tp", link=link)


def _describe(link: str) -> str:
    if link.startswith(_NVLINK):
        count = link.removeprefix(_NVLINK)
        return f"{count} NVLink{'s' if count != '1' else ''}"
    return {
        "PIX": "a PCIe switch (PIX)",
        "PXB": "several PCIe switches (PXB)",
        "PHB": "through the CPU (PHB)",
        "NODE": "through the CPU (NODE)",
        "SYS": "through two CPUs (SYS)",
    }.get(link, f"by {link}")

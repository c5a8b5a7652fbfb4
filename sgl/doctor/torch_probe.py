"""``python -m sgl.doctor.torch_probe``: imports torch, triton and flashinfer, and prints what they say as JSON.

It is a process of its own because each of them may crash, hang, or take seconds; `sgl.doctor.probes.torch` runs it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

from sgl.scheduler.lifeline import die_with_parent


def describe() -> dict[str, object]:
    """Everything about torch and its companions; what fails is described by its error."""
    answer: dict[str, object] = {}
    torch = _load("torch", answer)
    if torch is not None:
        answer["torch"] = {**_module(torch), **_torch(torch)}
        for name in ("triton", "flashinfer"):
            module = _load(name, answer)
            if module is not None:
                answer[name] = _module(module)
    return answer


def _load(name: str, answer: dict[str, object]) -> Any:
    """Imports a module, or notes why it cannot be."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # It is there, and something that it needs is not.
            answer[name] = {"error": f"{type(error).__name__}: {error}"}
    except Exception as error:  # Whatever a broken installation raises is the finding.
        answer[name] = {"error": f"{type(error).__name__}: {error}"}
    return None


def _module(module: Any) -> dict[str, object]:
    return {"version": str(getattr(module, "__version__", "")), "error": ""}


def _torch(torch: Any) -> dict[str, object]:
    facts: dict[str, object] = {
        "cuda": torch.version.cuda or "",
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "arch_list": list(torch.cuda.get_arch_list()),
        "cuda_error": "",
        "devices": [],
        "nccl": "",
        "without_peer_access": [],
    }
    if not torch.version.cuda:
        return facts
    try:
        torch.cuda.init()  # Unlike is_available(), it says why not.
        count = torch.cuda.device_count()
        facts["devices"] = [_device(torch, index) for index in range(count)]
        pairs = [(a, b) for a in range(count) for b in range(count) if a < b]
        facts["without_peer_access"] = [[a, b] for a, b in pairs if not torch.cuda.can_device_access_peer(a, b)]
        facts["nccl"] = ".".join(map(str, torch.cuda.nccl.version()))
    except Exception as error:  # CUDA's own words are the finding.
        facts["cuda_error"] = f"{type(error).__name__}: {error}"
    return facts


def _device(torch: Any, index: int) -> dict[str, object]:
    properties = torch.cuda.get_device_properties(index)
    free, _ = torch.cuda.mem_get_info(index)
    return {
        "name": properties.name,
        "capability": [properties.major, properties.minor],
        "memory_bytes": properties.total_memory,
        "free_bytes": free,
    }


if __name__ == "__main__":
    die_with_parent(os.getppid())
    json.dump(describe(), sys.stdout)

"""What is measured on: the GPU, its driver, and the packages. Without a GPU, why there is none."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from typing import Any, Final

import torch

from benchmarks.machine import describe

PACKAGES: Final = ("torch", "triton", "flashinfer-python", "numpy", "msgspec", "transformers")
HOST: Final = ("cpu", "cores", "system", "python", "started", "commit")
QUERIED: Final = ("driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "power.limit", "temperature.gpu")
TIMEOUT: Final = 20.0


def facts() -> dict[str, Any]:
    """Plain data without paths; ``problem`` is why nothing can be measured, or empty."""
    host = describe()
    found: dict[str, Any] = {
        "problem": "",
        "gpu": "",
        **{name: host[name] for name in HOST},
        "cuda": torch.version.cuda or "",
        "packages": _versions(),
    }
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]  # Unlike is_available(), it says why not.
        properties = torch.cuda.get_device_properties(0)
        free, total = torch.cuda.mem_get_info(0)
    except Exception as error:  # CUDA's own words are the reason.
        return {**found, "problem": (str(error).splitlines() or [type(error).__name__])[0]}
    return {
        **found,
        "gpu": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "memory_gib": round(total / 2**30, 1),
        "free_gib": round(free / 2**30, 1),
        **_asked(str(getattr(properties, "uuid", ""))),
    }


def _versions() -> dict[str, str]:
    """What is installed; a package that is not has no row."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _asked(uuid: str) -> dict[str, str]:
    """Driver, clocks and limits by nvidia-smi; empty where that is not there.

    Asked by the device's own name: CUDA's number 0 need not be nvidia-smi's.
    """
    command = ["nvidia-smi", f"--query-gpu={','.join(QUERIED)}", "--format=csv,noheader", f"--id=GPU-{uuid}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(zip(QUERIED, (word.strip() for word in answer.strip().split(",")), strict=False))


if __name__ == "__main__":
    print(json.dumps({"facts": facts()}))

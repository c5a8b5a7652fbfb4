"""`probe_accelerator`: what torch, triton and flashinfer make of this machine, asked inside the engine process.

Not yet run on a GPU: the tests put something in torch's place.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Final

import torch

from sgl.config.engine import EngineConfig
from sgl.gpu import Accelerator, GpuInfo, Package, Torch, assess, is_interpreted

COMPILER: Final = "install a C compiler and Python's headers (Debian: apt install gcc python3-dev), or set CC"
CACHE: Final = "set TRITON_CACHE_DIR to a folder that can be written"
NOT_NEEDED: Final = Package(problem="it was not looked for")


def probe_accelerator(config: EngineConfig, environ: Mapping[str, str] = os.environ) -> Accelerator:
    """Looks for a GPU, and imports what computes on it. A start for the CPU touches no driver and imports neither.

    Args:
        config: What was wished: packages that cannot matter are not imported.
        environ: Says whether Triton interprets.
    """
    interpreted = is_interpreted(environ)
    found, gpu = (_no_cuda(), None) if config.device == "cpu" else _look()
    on_gpu, backend = gpu is not None, config.attention_backend
    needs_triton = on_gpu or (interpreted and backend == "triton")
    needs_flashinfer = on_gpu and backend in (None, "flashinfer")
    triton = import_package("triton") if needs_triton else NOT_NEEDED
    if on_gpu and triton.usable and not interpreted:
        triton = try_triton(triton)
    flashinfer = import_package("flashinfer", "flashinfer-python") if needs_flashinfer else NOT_NEEDED
    return assess(found, gpu, triton, flashinfer, interpreted=interpreted)


def import_package(name: str, distribution: str = "") -> Package:
    """Imports a package, or says why it cannot be.

    Args:
        distribution: What it is called where packages are installed from, if that is another name.
    """
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        return Package() if error.name == name else Package(problem=f"it needs {error.name}, which is not installed")
    except Exception as error:  # Whatever a broken installation raises is the reason not to use it.
        lines = str(error).splitlines()
        return Package(problem=f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
    return Package(_version(module, distribution or name))


def try_triton(found: Package) -> Package:
    """Has Triton make what it launches kernels with: C code, compiled once for a machine and kept in its cache."""
    try:
        importlib.import_module("triton").runtime.driver.active.get_current_target()
    except Exception as error:  # Whatever it raises is the reason: a compiler, headers, or libcuda that is not found.
        no_room = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
        said = f"{type(error).__name__}: {_first_line(error)}"
        return Package(problem=said, remedy=CACHE if no_room else COMPILER)
    return found


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "without a word")


def _version(module: ModuleType, distribution: str) -> str:
    version = getattr(module, "__version__", "")
    return str(version) if version else importlib.metadata.version(distribution)


def _no_cuda() -> Torch:
    return Torch(version=torch.__version__, cuda=torch.version.cuda or "")


def _look() -> tuple[Torch, GpuInfo | None]:
    """What torch says of CUDA, and the first GPU that it sees."""
    facts = _no_cuda()
    if not facts.cuda:
        return facts, None
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]  # Unlike is_available(), it says why not.
        if not torch.cuda.device_count():
            return facts, None
        properties = torch.cuda.get_device_properties(0)
        free, total = torch.cuda.mem_get_info(0)
    except Exception as error:  # CUDA's own words are the reason.
        lines = str(error).splitlines() or [type(error).__name__]
        return replace(facts, error=lines[0]), None
    facts = replace(facts, codes=tuple(torch.cuda.get_arch_list()))
    gpu = GpuInfo(
        name=properties.name,
        memory_bytes=total,
        available_bytes=free,
        capability=10 * properties.major + properties.minor,
        multiprocessors=properties.multi_processor_count,
    )
    return facts, gpu

"""What torch says of CUDA, on a machine where there is a GPU: a pretended one."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from benchmarks.pretended_gpu.ledger import Ledger
from benchmarks.pretended_gpu.tensors import PretendedTensors

MEMORY: Final = 140 << 30
MULTIPROCESSORS: Final = {80: 108, 89: 142, 90: 132, 100: 148}
FIRST: Final = torch.device("cuda:0")
CUDA: Final = 1
META: Final = 14
DEVICE_TYPES: Final = 21
"""Of c10::DeviceType."""
CODES: Final = ["sm_80", "sm_90", "sm_100", "compute_120"]


class Stream:
    """An order of work."""

    def __init__(self, device: object = None) -> None:
        pass

    def wait_stream(self, other: Stream) -> None:
        """Nothing runs."""


class Event:
    """A place in an order."""

    def record(self, stream: Stream | None = None) -> None:
        """Nothing runs."""

    def synchronize(self) -> None:
        """Nothing runs."""


class Graph:
    """A captured step."""

    def replay(self) -> None:
        """Nothing runs."""


def _generator(device: object = None) -> torch.Generator:
    return torch._C.Generator("cpu")


def lend_guard() -> None:
    """Gives a build without CUDA what it asks before it slices or copies a tensor on "cuda".

    A build with CUDA has it, also without a GPU. What is lent does nothing: it is the one of "meta".
    """
    if torch.version.cuda is None:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
        guards = (ctypes.c_void_p * DEVICE_TYPES).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
        guards[CUDA] = guards[META]


@contextmanager
def pretended_cuda(ledger: Ledger, tensors: PretendedTensors, capability: int) -> Iterator[None]:
    """``torch.cuda`` of one GPU while this lasts."""

    @contextmanager
    def graph(graph: Graph, pool: object = None, stream: Stream | None = None) -> Iterator[None]:
        with ledger.during("capture"):
            yield

    @contextmanager
    def stream(stream: Stream) -> Iterator[None]:
        yield

    def synchronize(device: object = None) -> None:
        ledger.wait("torch.cuda.synchronize()")

    def pin_memory(tensor: Tensor) -> Tensor:
        return tensors.pin(tensor.clone())

    to = Tensor.to

    def moved(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        # A build without CUDA cannot look up which GPU "cuda" is.
        args = tuple(FIRST if each == torch.device("cuda") else each for each in args)
        if kwargs.get("device") == torch.device("cuda"):
            kwargs["device"] = FIRST
        return to(tensor, *args, **kwargs)

    numbers = divmod(capability, 10)
    properties = SimpleNamespace(
        name="NVIDIA Pretended",
        major=numbers[0],
        minor=numbers[1],
        multi_processor_count=MULTIPROCESSORS[capability],
        total_memory=MEMORY,
    )
    stands: dict[str, Any] = {
        "init": lambda: None,
        "device_count": lambda: 1,
        "get_device_properties": lambda device=None: properties,
        "get_device_capability": lambda device=None: numbers,
        "get_arch_list": lambda: CODES,
        "mem_get_info": lambda device=None: (MEMORY - (1 << 30), MEMORY),
        "memory_allocated": lambda device=None: 0,
        "max_memory_allocated": lambda device=None: 1 << 30,
        "reset_peak_memory_stats": lambda device=None: None,
        "empty_cache": lambda: None,
        "synchronize": synchronize,
        "Stream": Stream,
        "Event": Event,
        "CUDAGraph": Graph,
        "graph": graph,
        "stream": stream,
        "current_stream": lambda device=None: Stream(),
        "graph_pool_handle": lambda: (0, 1),
    }
    with (
        patch.multiple(torch.cuda, **stands),
        patch.object(torch.version, "cuda", "13.0"),
        patch.object(torch, "Generator", _generator),
        patch.object(Tensor, "pin_memory", pin_memory),
        patch.object(Tensor, "to", moved),
        patch.object(FakeTensor, "tolist", lambda tensor: tensors.to_list(tensor)),
    ):
        yield

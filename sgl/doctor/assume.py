"""``--assume-gpu``: GPUs to plan for, which need not be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from sgl.config.arguments import ServeArguments
from sgl.config.values import human_integer
from sgl.errors import UsageError, echo
from sgl.plan.place import Place

FLAG: Final = "--assume-gpu"
_EXPECTS: Final = "the memory of a GPU, e.g. 80Gi, or of several: 80Gi:8"
_LEAST: Final = 2**30
_MOST_GPUS: Final = 1024

GPU_FRACTION: Final = 0.9
"""Share of a GPU for weights and KV cache: vLLM's and SGLang's defaults are about that."""
GPU_RUNNING: Final = 256
GPU_CHUNK: Final = 2048
"""vLLM's defaults for online serving on GPUs of up to 70 GiB."""


@dataclass(frozen=True)
class AssumedGpus:
    """What is assumed.

    Attributes:
        place: One of the GPUs, with nothing on it.
        count: How many there are.
        size: The memory of one, as it was typed.
    """

    place: Place
    count: int
    size: str


def parse_gpus(text: str) -> AssumedGpus:
    """Reads ``80Gi`` or ``80Gi:8``.

    Raises:
        UsageError: It is something else.
    """
    size, colon, number = text.partition(":")
    try:
        memory = human_integer(size.removesuffix("B"))
        count = human_integer(number) if colon else 1
    except ValueError:
        memory = count = 0
    if memory < _LEAST or not 1 <= count <= _MOST_GPUS:
        raise UsageError(f"{FLAG} expects {_EXPECTS}; got {echo(text)}")
    place = Place(kind="cuda", name="assumed GPU", memory_bytes=memory, available_bytes=memory)
    return AssumedGpus(place, count, size)


def assume(arguments: ServeArguments, gpus: AssumedGpus) -> ServeArguments:
    """The same wishes with what is open decided as for GPUs; all of them share the model unless --tp says otherwise.

    This version decides for CPUs, where half of the memory is left to other programs and steps are small.
    """
    engine = arguments.config.engine
    decided = replace(
        engine,
        tp_size=engine.tp_size if "--tp" in arguments.settings else gpus.count,
        mem_fraction_static=engine.mem_fraction_static or GPU_FRACTION,
        max_running_requests=engine.max_running_requests or GPU_RUNNING,
        chunked_prefill_size=engine.chunked_prefill_size or GPU_CHUNK,
    )
    return arguments._replace(config=replace(arguments.config, engine=decided))

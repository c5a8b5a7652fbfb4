"""``--assume-gpu``: GPUs to plan for, which need not be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from sgl.config.arguments import ServeArguments
from sgl.config.values import human_integer
from sgl.errors import UsageError, echo
from sgl.gpu import Accelerator, GpuInfo, Package
from sgl.plan.place import Place

FLAG: Final = "--assume-gpu"
_EXPECTS: Final = "the memory of a GPU, e.g. 80Gi, or of several: 80Gi:8"
_LEAST: Final = 2**30
_MOST_GPUS: Final = 1024


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

    @property
    def accelerator(self) -> Accelerator:
        """One of them, of no known generation, on a machine that has all that it needs."""
        gpu = GpuInfo(
            name=self.place.name,
            memory_bytes=self.place.memory_bytes,
            available_bytes=self.place.available_bytes,
        )
        return Accelerator(gpu=gpu, problem="", remedy="", triton=Package("of unknown version"))


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
    """The same wishes for GPUs, whatever --device says; all of them share the model unless --tp says otherwise."""
    engine = arguments.config.engine
    tp_size = engine.tp_size if "--tp" in arguments.settings else gpus.count
    decided = replace(engine, device="cuda", tp_size=tp_size)
    return arguments._replace(config=replace(arguments.config, engine=decided))

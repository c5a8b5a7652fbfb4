"""What every layer with weights offers the loader: slots to fill, and a last step when all are full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, final

from sgl.weights.slot import Slot


class Layer(Protocol):
    """Anything that holds weights, directly or through its parts."""

    def slots(self) -> Iterator[Slot]:
        """Every checkpoint tensor this layer needs, with full checkpoint names."""
        ...

    def finish(self, deterministic: bool) -> None:
        """Called once when all slots are filled: prepacks and drops what is no longer needed."""
        ...

    def weight_bytes(self) -> int:
        """Bytes of parameters, counted before `finish`."""
        ...


class Group:
    """A layer made of layers: its slots are theirs, in order."""

    def __init__(self, *parts: Layer) -> None:
        self._parts = parts

    @property
    def parts(self) -> tuple[Layer, ...]:
        """What it is made of."""
        return self._parts

    def slots(self) -> Iterator[Slot]:
        """Slots of all parts."""
        for part in self._parts:
            yield from part.slots()

    @final
    def finish(self, deterministic: bool) -> None:
        """Finishes all parts. A loader finishes each as soon as it is full, so a group has nothing of its own to do."""
        for part in self._parts:
            part.finish(deterministic)

    def weight_bytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.weight_bytes() for part in self._parts)


def smallest(layer: Layer) -> Iterator[Layer]:
    """The layers that a layer comes down to and that are finished one by one: those that are no groups."""
    if isinstance(layer, Group):
        for part in layer.parts:
            yield from smallest(part)
    else:
        yield layer

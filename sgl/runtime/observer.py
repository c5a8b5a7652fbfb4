"""`Observer`: what wants to know how requests fare, such as the server's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sgl.runtime.generation import Generation


class Observer(Protocol):
    """Told of every request of an `sgl.runtime.client.EngineClient`, in the thread of its event loop."""

    def advanced(self, generation: Generation, tokens: int) -> None:
        """The engine brought ``tokens`` (at least 1) more; the generation holds them already."""
        ...

    def ended(self, generation: Generation) -> None:
        """Nothing will be added any more: ``generation.finish`` or ``generation.error`` says why."""
        ...

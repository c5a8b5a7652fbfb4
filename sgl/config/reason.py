"""`Reason`: why an "auto" became what it is."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """Why an "auto" became what it is; ``name`` is the field of `EngineConfig`."""

    name: str
    value: object
    because: str

    def __str__(self) -> str:
        return f"{self.name}: {self.value}, because {self.because}"

"""sgl: serves large language models.

Public names are loaded when they are first used (PEP 562), so ``import sgl`` costs nothing and the
command line and the HTTP process never import torch by accident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sgl._version import __version__

if TYPE_CHECKING:
    from sgl.protocol.sampling import SamplingParams
    from sgl.runtime.offline import Engine

__all__ = ["Engine", "SamplingParams", "__version__"]

_HOMES = {"Engine": "sgl.runtime.offline", "SamplingParams": "sgl.protocol.sampling"}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sgl' has no attribute {name!r}")
    import importlib  # Lazy: only a program that asks for a public name pays for the import system's helper.

    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value  # The next access is an ordinary one.
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

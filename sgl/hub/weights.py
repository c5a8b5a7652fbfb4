"""What to say about a model folder, or a repository, without weights that sgl reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sgl.errors import CheckpointError

PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Endings of weight files whose loading can run code."""


def is_pickled(name: str) -> bool:
    """Whether a file is, by its name, of a kind whose loading can run code."""
    return name.endswith(PICKLED)


def no_weights(place: object, names: Iterable[str]) -> CheckpointError:
    """The error for a place with no ``*.safetensors``: what is there instead, and what to do.

    Args:
        place: The folder or the repository, as people know it.
        names: Its files.
    """
    files = sorted(names)
    pickled = next((name for name in files if is_pickled(name)), None)
    if pickled is not None:
        return CheckpointError(
            f"{place} has only pickled weights ({pickled}), which can run code when they are loaded; "
            f"sgl reads *.safetensors.",
            hint="Convert them once, in a place you trust: transformers' "
            "AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder) writes safetensors.",
        )
    if any(name.endswith(".gguf") for name in files):
        return CheckpointError(f"{place} has GGUF weights, which are not implemented; sgl reads *.safetensors.")
    return CheckpointError(
        f"{place} has no weights: no *.safetensors file.", hint="--load-format dummy serves random ones."
    )

"""``--quantization``: schemes whose codes are made from a checkpoint's weights as they are loaded. Torch-free."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from sgl.config.layout.weight import Matrix
from sgl.config.model import ModelConfig
from sgl.config.quantization import Quantization
from sgl.errors import UsageError

Made = Literal["fp8", "int8", "int4"]
"""Made at load from a checkpoint that is not quantised."""
Found = Literal["gptq", "awq", "compressed-tensors", "mxfp4"]
"""Only found in checkpoints; asking for it is asking whether it is there."""
Wish = Made | Found

QUANTIZATIONS: Final[tuple[Wish, ...]] = ("int8", "int4", "fp8", "gptq", "awq", "compressed-tensors", "mxfp4")
"""What ``--quantization`` takes."""
GROUP: Final = 128
"""Inputs that share a scale in int4; fewer where a width is no multiple of it."""
_SMALLER_GROUPS: Final = (64, 32)
_SMALLEST_GROUP: Final = 16

SCHEMES: Final[dict[Made, Quantization]] = {
    "fp8": Quantization(method="fp8", bits=8, scale="channel", at_load=True, source="fp8"),
    "int8": Quantization(method="int8", bits=8, scale="channel", activations=8, at_load=True, source="int8"),
    "int4": Quantization(method="int4", bits=4, group=GROUP, symmetric=False, at_load=True, source="int4"),
}


def quantize_at_load(model: ModelConfig, wish: Wish | None) -> ModelConfig:
    """The model with the scheme that was asked for. A checkpoint that has it already stays as it is.

    Raises:
        UsageError: The checkpoint is quantised otherwise, or not at all and the scheme cannot be made.
    """
    own = model.quantization
    if wish is None or (own is not None and wish in (own.method, own.source.partition(",")[0])):
        return model
    if own is not None:
        raise UsageError(
            f"--quantization {wish}: the checkpoint is quantised already ({own})", hint="leave --quantization out"
        )
    if wish != "fp8" and wish != "int8" and wish != "int4":
        raise UsageError(
            f"--quantization {wish}: the checkpoint is not quantised, and {wish} is not made at load",
            hint=f"leave it out, or take one of {', '.join(SCHEMES)}",
        )
    return replace(model, quantization=SCHEMES[wish])


def is_made(matrix: Matrix, name: str, scheme: Quantization | None) -> bool:
    """Whether the codes of the part of a matrix that the checkpoint calls ``name`` are made at load."""
    return scheme is not None and scheme.at_load and not matrix.apart and scheme.covers(matrix, name)


def group_of(inputs: int) -> int:
    """Inputs of a group of int4: as many as the kernel takes, else the largest part that divides them, else all."""
    fitting = next((size for size in (GROUP, *_SMALLER_GROUPS) if inputs % size == 0), None)
    if fitting is not None:
        return fitting
    return next((size for size in range(min(GROUP, inputs), _SMALLEST_GROUP - 1, -1) if inputs % size == 0), inputs)

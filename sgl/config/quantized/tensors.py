"""Which tensors a checkpoint holds of a quantised matrix: the one map of them, for the loader and for the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sgl.config.layout.decoder import weights
from sgl.config.layout.weight import ExpertStack, Matrix
from sgl.config.model import ModelConfig
from sgl.config.quantization import Quantization, matches
from sgl.errors import UnsupportedModel

Kind = Literal["float", "fp8", "int8", "uint8", "int32", "int64"]

MXFP4_BLOCK: Final = 32
"""Weights that share a scale (OCP Microscaling Formats 1.0), two in a byte."""
WORD_BITS: Final = 32
"""Codes are packed into int32 words."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a matrix.

    Attributes:
        suffix: What comes after the matrix' name and a dot.
        kind: ``float`` is any floating-point type, ``int64`` any whole one.
        rows: The axis that runs over outputs, ``columns`` over inputs; None where none does.
        optional: It may be missing, and then says nothing new.
    """

    suffix: str
    shape: tuple[int, ...]
    kind: Kind
    rows: int | None = None
    columns: int | None = None
    optional: bool = False


def stored_tensors(quantization: Quantization, name: str, outputs: int, inputs: int) -> Iterator[StoredTensor]:
    """The tensors of one checkpoint matrix, its bias aside.

    Raises:
        UnsupportedModel: The matrix cannot be stored so; names it.
    """
    _check(quantization, name, outputs, inputs)
    groups, pack = quantization.groups(inputs), WORD_BITS // quantization.bits
    match quantization.method:
        case "gptq":
            yield StoredTensor("qweight", (inputs // pack, outputs), "int32", 1, 0)
            yield StoredTensor("qzeros", (groups, outputs // pack), "int32", 1, 0)
            yield StoredTensor("scales", (groups, outputs), "float", 1, 0)
            yield StoredTensor("g_idx", (inputs,), "int64", None, 0, optional=not quantization.ordered)
        case "awq":
            yield StoredTensor("qweight", (inputs, outputs // pack), "int32", 1, 0)
            yield StoredTensor("qzeros", (groups, outputs // pack), "int32", 1, 0, optional=quantization.symmetric)
            yield StoredTensor("scales", (groups, outputs), "float", 1, 0)
        case "packed":
            yield StoredTensor("weight_packed", (outputs, -(-inputs // pack)), "int32", 0, 1)
            yield StoredTensor("weight_scale", (outputs, groups), "float", 0, 1)
            yield StoredTensor("weight_shape", (2,), "int64")
            if not quantization.symmetric:
                yield StoredTensor("weight_zero_point", (-(-outputs // pack), groups), "int32", 0, 1)
            if quantization.ordered:
                yield StoredTensor("weight_g_idx", (inputs,), "int64", None, 0)
        case "fp8" | "int8":
            yield StoredTensor("weight", (outputs, inputs), "fp8" if quantization.method == "fp8" else "int8", 0, 1)
            yield _scale(quantization, outputs, inputs)
            for suffix in quantization.static:
                yield StoredTensor(suffix, (1,), "int64" if suffix.endswith("zero_point") else "float")
        case _:
            raise AssertionError(f"matrices are not stored as {quantization.method}")


def bias_is_optional(quantization: Quantization) -> bool:
    """Whether matrices without a bias may have one that is zero, as AutoGPTQ wrote it."""
    return quantization.method == "gptq"


def is_stored(matrix: Matrix, name: str, quantization: Quantization | None) -> bool:
    """Whether a checkpoint holds codes of the part of a matrix that it calls ``name``."""
    return quantization is not None and not quantization.at_load and quantization.covers(matrix, name)


def quantised_elements(model: ModelConfig) -> int:
    """Weights that the checkpoint holds as codes of its scheme, those of stacked experts aside."""
    return sum(
        outputs * weight.inputs
        for weight in weights(model)
        if isinstance(weight, Matrix)
        for name, outputs in zip(weight.names, weight.outputs, strict=True)
        if is_stored(weight, name, model.quantization)
    )


def mxfp4_elements(model: ModelConfig) -> int:
    """Weights of stacked experts that the checkpoint holds in MXFP4."""
    stacks = [weight for weight in weights(model) if isinstance(weight, ExpertStack) and weight.mxfp4]
    return sum(stack.count * stack.inputs * stack.outputs for stack in stacks)


def check_stored(model: ModelConfig) -> None:
    """Checks that every matrix can be stored as its scheme says.

    Raises:
        UnsupportedModel: One cannot; names it.
    """
    quantization = model.quantization
    if quantization is None or quantization.at_load:
        return
    if quantization.method == "mxfp4" and not (model.experts and model.experts.stacked):
        raise UnsupportedModel(f"'mxfp4' is implemented for GPT-OSS's experts, not for {model.architecture}")
    for weight in weights(model):
        if isinstance(weight, Matrix):
            for name, outputs in zip(weight.names, weight.outputs, strict=True):
                if quantization.covers(weight, name):
                    _check(quantization, name, outputs, weight.inputs)
        elif isinstance(weight, ExpertStack):
            _check_stack(quantization, weight)


def _check_stack(quantization: Quantization, stack: ExpertStack) -> None:
    if quantization.method == "mxfp4":
        if stack.inputs % MXFP4_BLOCK:
            raise UnsupportedModel(
                f"'{stack.name}' has {stack.inputs} inputs, which are no whole blocks of {MXFP4_BLOCK}"
            )
    elif not any(matches(pattern, stack.name) for pattern in quantization.skipped):
        raise UnsupportedModel(
            f"'{stack.name}' holds all experts, and {quantization.source} is not implemented for it; known: mxfp4"
        )


def _scale(quantization: Quantization, outputs: int, inputs: int) -> StoredTensor:
    name = quantization.scale_name
    match quantization.scale:
        case "tensor":
            return StoredTensor(name, (1,), "float")
        case "channel":
            return StoredTensor(name, (outputs, 1), "float", 0)
        case _:
            assert quantization.block is not None, "blocks have a size"
            rows, columns = quantization.block
            return StoredTensor(name, (-(-outputs // rows), -(-inputs // columns)), "float", 0, 1)


def _check(quantization: Quantization, name: str, outputs: int, inputs: int) -> None:
    group, pack = quantization.group, WORD_BITS // quantization.bits
    if group is not None and inputs % group:
        raise UnsupportedModel(f"'{name}' has {inputs} inputs, which are no whole groups of {group}")
    words = {"gptq": (outputs, inputs), "awq": (outputs,)}.get(quantization.method, ())
    for features in words:
        if features % pack:
            raise UnsupportedModel(
                f"'{name}' is [{outputs}, {inputs}], which does not fill words of {pack} codes as "
                f"{quantization.source or quantization.method} stores it"
            )

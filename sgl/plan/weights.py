"""The weights of one rank, exactly: from a `ModelConfig` by `sgl.config.layout`, or from a checkpoint's headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod
from typing import Final

from sgl.config.layout.decoder import weights
from sgl.config.layout.weight import VOCABULARY_MULTIPLE, ExpertStack, Matrix, Norm, Table, Vector, Weight, shared
from sgl.config.model import ModelConfig
from sgl.plan.header import TensorHeader

FLOATING: Final = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"})
"""Types that safetensors writes and the loader converts."""


@dataclass(frozen=True, slots=True)
class Split:
    """How ranks share one axis of a tensor.

    Attributes:
        axis: 0 is output rows (or tokens), 1 is input columns.
        units: What stays together, e.g. heads; the axis is a whole number of them. Each rank has at least one.
        multiple: Units are padded to a multiple of it, and of the number of ranks.
    """

    axis: int
    units: int
    multiple: int = 1

    def units_of(self, tp: int) -> int:
        """Units of one rank, padding included."""
        return shared(self.units, tp, self.multiple)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor that a checkpoint must hold; without ``split`` every rank has all of it."""

    name: str
    shape: tuple[int, ...]
    split: Split | None = None

    def elements_of(self, tp: int) -> int:
        """Elements of one rank's part."""
        if self.split is None:
            return prod(self.shape)
        return prod(self.shape) // self.split.units * self.split.units_of(tp)


def parameters(model: ModelConfig) -> Iterator[Parameter]:
    """Every tensor of a checkpoint that the model's slots are filled from, in no particular order."""
    for weight in weights(model):
        yield from stored(weight)


def stored(weight: Weight) -> Iterator[Parameter]:
    """The checkpoint's tensors of one weight."""
    match weight:
        case Vector(name, size):
            yield Parameter(name, (size,))
        case Norm(name, size, bias):
            yield Parameter(f"{name}.weight", (size,))
            if bias:
                yield Parameter(f"{name}.bias", (size,))
        case Table(name, rows, width):
            yield Parameter(f"{name}.weight", (rows, width), Split(0, rows, VOCABULARY_MULTIPLE))
        case ExpertStack(name, count, inputs, outputs, bias):
            yield Parameter(name, (count, inputs, outputs))
            if bias:
                yield Parameter(f"{name}_bias", (count, outputs))
        case Matrix():
            yield from _matrices(weight)


def _matrices(weight: Matrix) -> Iterator[Parameter]:
    by_rows = weight.split == "rows"
    for index, (name, outputs) in enumerate(zip(weight.names, weight.outputs, strict=True)):
        shape = (weight.inputs, outputs) if weight.transposed else (outputs, weight.inputs)
        split = None
        if weight.split is not None:
            axis = int(by_rows == weight.transposed)
            split = Split(axis, weight.units[index if by_rows else 0], weight.multiple)
        yield Parameter(f"{name}.weight", shape, split)
        if weight.bias:
            # Of a sum over ranks the bias is added once: it is kept whole.
            yield Parameter(f"{name}.bias", (outputs,), Split(0, weight.units[index]) if by_rows else None)


def parameter_bytes(model: ModelConfig, element_bytes: int, tp: int = 1) -> int:
    """Bytes of the parameters of one rank, as `Layer.weight_bytes` reports them after a load."""
    return element_bytes * sum(each.elements_of(tp) for each in parameters(model))


@dataclass(frozen=True, slots=True)
class HeaderWeights:
    """What the headers of a checkpoint come to.

    Attributes:
        rank_bytes: Bytes of one rank's parameters, converted to the type asked for.
        problems: What a load would refuse, one line each; empty when headers and config agree.
    """

    rank_bytes: int
    problems: tuple[str, ...]


def header_bytes(headers: Iterable[TensorHeader], model: ModelConfig, element_bytes: int, tp: int = 1) -> HeaderWeights:
    """The weights of one rank from what the checkpoint holds, with the checks that the loader makes."""
    expected = {each.name: each for each in parameters(model)}
    seen: set[str] = set()
    problems: list[str] = []
    left_over: list[str] = []
    elements = 0
    for header in headers:
        parameter = expected.get(header.name)
        if parameter is None:
            if not is_ignored(header.name, model):
                left_over.append(header.name)
            continue
        if header.name in seen:
            problems.append(f"the checkpoint holds '{header.name}' twice")
            continue
        seen.add(header.name)
        problems += _differences(header, parameter)
        elements += parameter.elements_of(tp) if header.shape == parameter.shape else -(-header.elements // tp)
    missing = sorted(expected.keys() - seen)
    if missing:
        problems.append(f"the checkpoint lacks '{missing[0]}' ({len(missing)} weights missing)")
    if left_over:
        problems.append(
            f"the checkpoint holds '{left_over[0]}', which this architecture does not use ({len(left_over)} left over)"
        )
    return HeaderWeights(elements * element_bytes, tuple(problems))


def is_ignored(name: str, model: ModelConfig) -> bool:
    """Whether a checkpoint tensor holds nothing new: buffers, or a tied head's second copy."""
    if model.tie_embeddings and name == f"{model.names.head}.weight":
        return True
    return any(fnmatchcase(name, pattern) for pattern in model.ignored_weights)


def _differences(header: TensorHeader, parameter: Parameter) -> Iterator[str]:
    if header.shape != parameter.shape:
        yield f"'{header.name}' has shape {list(header.shape)}, config.json asks for {list(parameter.shape)}"
    if header.dtype not in FLOATING:
        yield f"'{header.name}' has type {header.dtype}, not a floating-point one"

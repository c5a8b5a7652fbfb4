"""The kinds of weights: what one of them is called, its shape, and how ranks share it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import lcm
from typing import Final, Literal

VOCABULARY_MULTIPLE: Final = 64
"""Rows of the split embedding come in whole tiles of a matrix product."""


def shared(units: int, tp: int, multiple: int = 1) -> int:
    """Units of one of ``tp`` ranks, padding included; each rank has at least one.

    Args:
        multiple: They are padded to a multiple of it, and of the number of ranks; one rank pads nothing.
    """
    if tp == 1:
        return units
    step = lcm(multiple, tp)
    return -(-units // step) * step // tp


@dataclass(frozen=True, slots=True)
class Vector:
    """A tensor of one axis, kept whole by every rank.

    Attributes:
        wide: It is held in float32, whatever the type of the others.
    """

    name: str
    size: int
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Norm:
    """The weights of a norm."""

    name: str
    size: int
    bias: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that are looked up, split over ranks by rows."""

    name: str
    rows: int
    width: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """One matrix product, ``x @ W.T + b`` with W [sum(outputs), inputs]: one checkpoint matrix, or several stacked.

    Attributes:
        names: Checkpoint names of the stacked matrices, without ``.weight``.
        outputs: Output features of each.
        split: Which axis ranks share; None keeps it whole.
        units: What stays together on that axis, such as heads: one number for each name when rows are split, one
            when columns are.
        multiple: Ranks pad the units to a multiple of it.
        transposed: The checkpoint has [inputs, outputs].
        quantized: A scheme for the whole model is for this matrix, too. Routers, gates and heads are kept.
        apart: The layer takes the matrix apart and multiplies with the pieces, or has too few outputs to pack them: it
            is held plainly, in the type of activations, whatever the checkpoint has.
        wide: It is held in float32, whatever the type of the others.
        expert: It is one of the experts that a router chooses of, which a GPU multiplies all together.
    """

    names: tuple[str, ...]
    outputs: tuple[int, ...]
    inputs: int
    bias: bool = False
    split: Literal["rows", "columns"] | None = None
    units: tuple[int, ...] = ()
    multiple: int = 1
    transposed: bool = False
    quantized: bool = True
    apart: bool = False
    wide: bool = False
    expert: bool = False

    @property
    def width(self) -> int:
        """Output features together."""
        return sum(self.outputs)

    def one_by_one(self) -> Iterator[Matrix]:
        """The matrices that are stacked in it."""
        for index, (name, outputs) in enumerate(zip(self.names, self.outputs, strict=True)):
            units = (self.units[index],) if self.split == "rows" else self.units
            yield replace(self, names=(name,), outputs=(outputs,), units=units)

    def of_rank(self, tp: int) -> tuple[int, int]:
        """Output and input features of the product on one of ``tp`` ranks."""
        if self.split == "rows":
            parts = zip(self.outputs, self.units, strict=True)
            return sum(size // units * shared(units, tp, self.multiple) for size, units in parts), self.inputs
        if self.split == "columns":
            (units,) = self.units
            return self.width, self.inputs // units * shared(units, tp, self.multiple)
        return self.width, self.inputs


@dataclass(frozen=True, slots=True)
class ExpertStack:
    """A projection of all experts in one checkpoint tensor, [count, inputs, outputs], and its bias [count, outputs].

    Attributes:
        name: The checkpoint's name of it; its bias is ``name + "_bias"``.
        mxfp4: The checkpoint has uint8 ``name + "_blocks"`` [count, outputs, inputs / 32, 16] and ``name + "_scales"``
            [count, outputs, inputs / 32] instead, which are expanded when they are loaded.
    """

    name: str
    count: int
    inputs: int
    outputs: int
    bias: bool
    mxfp4: bool = False

    @property
    def each(self) -> Matrix:
        """The product of one expert; the checkpoint has no tensor of its own for it."""
        return Matrix((self.name,), (self.outputs,), self.inputs, self.bias, transposed=True, expert=True)

    @property
    def elements(self) -> int:
        """Of matrix and bias."""
        return self.count * self.outputs * (self.inputs + self.bias)


Weight = Vector | Norm | Table | Matrix | ExpertStack


def elements(weight: Weight) -> int:
    """Elements of a weight, of all ranks together."""
    match weight:
        case Vector(_, size, _):
            return size
        case Norm(_, size, bias):
            return size * (2 if bias else 1)
        case Table(_, rows, width):
            return rows * width
        case ExpertStack():
            return weight.elements
        case Matrix():
            return weight.width * (weight.inputs + weight.bias)

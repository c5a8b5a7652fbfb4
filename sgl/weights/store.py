"""`store`: chooses how the weights of a product are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sgl.config.held import is_quantised
from sgl.config.layout.weight import Matrix
from sgl.config.quantization import Method
from sgl.weights.at_load import MadeStored
from sgl.weights.beside import StoredBeside
from sgl.weights.fp8 import Fp8Stored
from sgl.weights.grouped import GroupedStored
from sgl.weights.int8 import Int8Stored
from sgl.weights.plain import PlainStored
from sgl.weights.slot import Placement
from sgl.weights.stored import Stored

_SCHEMES: Final[dict[Method, Callable[[Matrix, Placement], Stored]]] = {
    "gptq": GroupedStored,
    "awq": GroupedStored,
    "packed": GroupedStored,
    "fp8": Fp8Stored,
    "int8": Int8Stored,
}


def store(matrix: Matrix, place: Placement) -> Stored:
    """Room for one product's weights, by what the checkpoint has of it."""
    scheme = place.quantization
    covered = [is_quantised(matrix, name, scheme) for name in matrix.names]
    if scheme is None or not any(covered):
        return PlainStored(matrix, place)
    if not all(covered):
        return StoredBeside([store(part, place) for part in matrix.one_by_one()])
    return MadeStored(matrix, place) if scheme.at_load else _SCHEMES[scheme.method](matrix, place)

"""How the product of a quantised matrix is held on a CPU, in bytes. Torch-free.

`sgl.kernels.int8`, `int8_group` and `int4` hold weights by these rules, and the memory plan counts by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sgl.config.at_load import group_of, is_made
from sgl.config.int4 import is_packed_int4, kernel_group
from sgl.config.layout.decoder import weights
from sgl.config.layout.weight import Matrix
from sgl.config.model import ModelConfig
from sgl.config.quantization import Quantization
from sgl.config.quantized.tensors import is_stored

Kind = Literal["expanded", "bytes", "half_bytes"]
"""Held in the type of activations; as bytes with a scale per output; as two to a byte, with scales per group."""

BYTES_BLOCK: Final = 64
"""Outputs and inputs of a block of oneDNN's layout for products of bytes (measured with AMX, AVX512-VNNI and AVX-VNNI,
oneDNN 3.12)."""
BYTE_MULTIPLIERS: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""CPU flags of which one is needed to multiply bytes exactly."""
_FLOAT32: Final = 4
_PAIR: Final = 4
"""Bytes of a group's scale and offset."""
_INDEX: Final = 8


def multiplies_bytes(instructions: frozenset[str]) -> bool:
    """Whether a CPU with these flags multiplies bytes; empty stands for one that does."""
    return not instructions or bool(instructions & BYTE_MULTIPLIERS)


def is_quantised(matrix: Matrix, name: str, scheme: Quantization | None) -> bool:
    """Whether the part of a matrix that the checkpoint calls ``name`` is quantised, there or at load."""
    return is_stored(matrix, name, scheme) or is_made(matrix, name, scheme)


@dataclass(frozen=True, slots=True)
class Holding:
    """How the codes of one product are held.

    Attributes:
        kind: What there is of a weight.
        planes: 4-bit weights that one 8-bit weight is held as.
        pairs: Pairs of scale and offset of one output, of ``half_bytes``.
        shifted: ``bytes`` have zero points.
        ordered: The order of inputs is held beside it.
    """

    kind: Kind
    planes: int = 1
    pairs: int = 0
    shifted: bool = False
    ordered: bool = False

    def reported(self, outputs: int, inputs: int, element_bytes: int) -> int:
        """Bytes of a part with so many of the product's outputs as `Stored.weight_bytes` reports them, bias aside."""
        match self.kind:
            case "expanded":
                return outputs * inputs * element_bytes
            case "bytes":
                return outputs * (inputs + _FLOAT32 * (1 + self.shifted))
            case "half_bytes":
                return outputs * (inputs * self.planes // 2 + _PAIR * self.pairs)

    def added(self, outputs: int, inputs: int, *, exact: bool) -> int:
        """Bytes that are held beyond the reported ones; those of ``expanded`` are `sgl.config.packing`'s matter.

        Args:
            exact: The CPU multiplies bytes (`multiplies_bytes`); one that does not holds their float32 values.
        """
        order = _INDEX * inputs if self.ordered else 0
        if self.kind != "bytes":
            return order
        if not exact:
            return outputs * inputs * (_FLOAT32 - 1)
        rows, columns = (-(-count // BYTES_BLOCK) * BYTES_BLOCK for count in (outputs, inputs))
        # oneDNN keeps the sum of each output's weights beside them.
        return rows * (columns + _FLOAT32) - outputs * inputs


def holding_of(matrix: Matrix, scheme: Quantization, outputs: int) -> Holding:
    """How a product is held.

    Args:
        outputs: Of the whole product, of which the matrix may be a part.
    """
    inputs = matrix.inputs
    if matrix.apart or scheme.method in ("fp8", "mxfp4"):
        return Holding("expanded")
    if scheme.method == "int8" and (scheme.at_load or scheme.activations is not None):
        return Holding("bytes")
    groups = inputs // group_of(inputs) if scheme.at_load else scheme.groups(inputs)
    if scheme.bits == 8 and groups == 1:
        return Holding("bytes", shifted=not scheme.symmetric)
    planes = 2 if scheme.bits == 8 else 1
    if not is_packed_int4(outputs, planes * inputs, planes * groups):
        return Holding("expanded")
    size = kernel_group(planes * inputs, planes * groups)
    assert size is not None, "is_packed_int4 says so"
    return Holding("half_bytes", planes, planes * inputs // size, ordered=scheme.ordered)


def products(matrix: Matrix, scheme: Quantization | None, tp: int = 1) -> Iterator[tuple[int, int, Holding | None]]:
    """Output and input features, on one of ``tp`` ranks, of the products that a matrix becomes, and how each is held.

    It is one, unless some of its parts are quantised and others are not. None is held as it is.
    """
    quantised = [is_quantised(matrix, name, scheme) for name in matrix.names]
    if scheme is None or not any(quantised):
        yield *matrix.of_rank(tp), None
    elif all(quantised):
        yield *matrix.of_rank(tp), holding_of(matrix, scheme, matrix.width)
    else:
        for part, own in zip(matrix.one_by_one(), quantised, strict=True):
            yield *part.of_rank(tp), holding_of(part, scheme, part.width) if own else None


def quantised_products(model: ModelConfig) -> Iterator[tuple[int, int, Holding]]:
    """Output and input features of all products that are quantised, and how each is held."""
    for weight in weights(model):
        if isinstance(weight, Matrix):
            for outputs, inputs, holding in products(weight, model.quantization):
                if holding is not None:
                    yield outputs, inputs, holding


def saved_bytes(model: ModelConfig, element_bytes: int) -> int:
    """Bytes that the layers report less than weights of ``element_bytes`` would take."""
    return sum(
        outputs * inputs * element_bytes - holding.reported(outputs, inputs, element_bytes)
        for outputs, inputs, holding in quantised_products(model)
    )

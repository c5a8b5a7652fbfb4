"""How the product of a quantised matrix is held, in bytes: on a CPU, and on a GPU. Torch-free.

`sgl.kernels.int8`, `int8_group` and `int4`, and on a GPU those of `sgl.config.held_gpu`, hold weights by these rules,
and the memory plan counts by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Final, Literal

from sgl.config.at_load import group_of, is_made
from sgl.config.devices import DeviceName
from sgl.config.held_gpu import BY_OUTPUT, CHUNK, stays_codes
from sgl.config.int4 import is_packed_int4, kernel_group
from sgl.config.layout.decoder import counted_weights, weights
from sgl.config.layout.weight import ExpertStack, Matrix
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
        pairs: Pairs of scale and offset of one output, of ``half_bytes``; on a GPU also of ``bytes``.
        shifted: ``bytes`` without pairs have zero points.
        ordered: The order of inputs is held beside it.
        block: Outputs and inputs that share a scale of ``bytes``; None is an output.
        pair_bytes: Of a pair, or of a scale alone where all offsets are the middle.
        columns: ``half_bytes`` are padded to a multiple of so many inputs.
    """

    kind: Kind
    planes: int = 1
    pairs: int = 0
    shifted: bool = False
    ordered: bool = False
    block: tuple[int, int] | None = None
    pair_bytes: int = _PAIR
    columns: int = 1

    def reported(self, outputs: int, inputs: int, element_bytes: int) -> int:
        """Bytes of a part with so many of the product's outputs as `Stored.weight_bytes` reports them, bias aside."""
        match self.kind:
            case "expanded":
                return outputs * inputs * element_bytes
            case "bytes" if self.block is not None:
                height, width = self.block
                return outputs * inputs + _FLOAT32 * -(-outputs // height) * -(-inputs // width)
            case "bytes" if self.pairs:
                return outputs * (inputs + self.pair_bytes * self.pairs)
            case "bytes":
                return outputs * (inputs + _FLOAT32 * (1 + self.shifted))
            case "half_bytes":
                padded = -(-inputs // self.columns) * self.columns
                return outputs * (padded * self.planes // 2 + self.pair_bytes * self.pairs)

    def order_bytes(self, inputs: int) -> int:
        """Bytes of the order of inputs, where there is one."""
        return _INDEX * inputs if self.ordered else 0

    def added(self, outputs: int, inputs: int, *, exact: bool) -> int:
        """Bytes that a CPU holds beyond the reported ones; of ``expanded``, `sgl.config.packing` counts them.

        Args:
            exact: The CPU multiplies bytes (`multiplies_bytes`); one that does not holds their float32 values.
        """
        if self.kind != "bytes":
            return self.order_bytes(inputs)
        if not exact:
            return outputs * inputs * (_FLOAT32 - 1)
        rows, columns = (-(-count // BYTES_BLOCK) * BYTES_BLOCK for count in (outputs, inputs))
        # oneDNN keeps the sum of each output's weights beside them.
        return rows * (columns + _FLOAT32) - outputs * inputs


def holding_of(matrix: Matrix, scheme: Quantization, outputs: int, device: DeviceName = "cpu") -> Holding:
    """How a product is held.

    Args:
        outputs: Of the whole product, of which the matrix may be a part.
        device: Where.
    """
    inputs = matrix.inputs
    if device == "cuda":
        return _holding_on_gpu(matrix, scheme)
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


def _holding_on_gpu(matrix: Matrix, scheme: Quantization) -> Holding:
    inputs = matrix.inputs
    by_group = scheme.method not in BY_OUTPUT
    at_load = scheme.at_load and by_group
    groups = 1 if not by_group else inputs // group_of(inputs) if at_load else scheme.groups(inputs)
    if not stays_codes(matrix, scheme, groups):
        return Holding("expanded")
    if not by_group:
        return Holding("bytes", block=scheme.block)
    shared = _FLOAT32 if scheme.symmetric else 2 * _FLOAT32
    if scheme.bits == 8:
        return Holding("bytes", pairs=groups, ordered=scheme.ordered, pair_bytes=shared)
    return Holding("half_bytes", pairs=groups, ordered=scheme.ordered, pair_bytes=shared, columns=CHUNK)


def products(
    matrix: Matrix, scheme: Quantization | None, tp: int = 1, device: DeviceName = "cpu"
) -> Iterator[tuple[int, int, Holding | None]]:
    """Output and input features, on one of ``tp`` ranks, of the products that a matrix becomes, and how each is held.

    It is one, unless some of its parts are quantised and others are not. None is held as it is.
    """
    quantised = [is_quantised(matrix, name, scheme) for name in matrix.names]
    if scheme is None or not any(quantised):
        yield *matrix.of_rank(tp), None
    elif all(quantised):
        yield *matrix.of_rank(tp), holding_of(matrix, scheme, matrix.width, device)
    else:
        for part, own in zip(matrix.one_by_one(), quantised, strict=True):
            yield *part.of_rank(tp), holding_of(part, scheme, part.width, device) if own else None


def stack_holding(stack: ExpertStack, scheme: Quantization | None, device: DeviceName = "cpu") -> Holding | None:
    """How each expert's product of a stack is held; None is as it is, or expanded from MXFP4 while it loads."""
    if scheme is None or not scheme.at_load:
        return None
    return holding_of(stack.each, scheme, stack.outputs, device)


def quantised_products(model: ModelConfig, device: DeviceName = "cpu") -> Iterator[tuple[int, int, Holding]]:
    """Output and input features of all products that are quantised, and how each is held."""
    for weight in weights(model):
        if isinstance(weight, Matrix):
            for outputs, inputs, holding in products(weight, model.quantization, device=device):
                if holding is not None:
                    yield outputs, inputs, holding
        elif isinstance(weight, ExpertStack):
            holding = stack_holding(weight, model.quantization, device)
            if holding is not None:
                yield from repeat((weight.outputs, weight.inputs, holding), weight.count)


def saved_bytes(model: ModelConfig, element_bytes: int) -> int:
    """Bytes that the layers report less than weights of ``element_bytes`` would take."""
    return sum(
        outputs * inputs * element_bytes - holding.reported(outputs, inputs, element_bytes)
        for outputs, inputs, holding in quantised_products(model)
    )


def order_bytes(model: ModelConfig, tp: int = 1) -> int:
    """Bytes of the orders of inputs that one rank's products hold on a GPU."""
    return sum(
        times * holding.order_bytes(inputs)
        for weight, times in counted_weights(model)
        if isinstance(weight, Matrix)
        for _, inputs, holding in products(weight, model.quantization, tp, "cuda")
        if holding is not None
    )

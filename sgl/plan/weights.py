"""The weights of one rank, exactly: from a `ModelConfig` by `sgl.config.layout`, or from a checkpoint's headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod
from typing import Final

from sgl.config.devices import DeviceName
from sgl.config.held import Holding, holding_of, is_quantised, stack_holding
from sgl.config.layout.decoder import counted_weights, weights
from sgl.config.layout.weight import VOCABULARY_MULTIPLE, ExpertStack, Matrix, Norm, Table, Vector, Weight, shared
from sgl.config.model import ModelConfig
from sgl.config.quantization import Quantization
from sgl.config.quantized.tensors import MXFP4_BLOCK, Kind, StoredTensor, bias_is_optional, is_stored, stored_tensors
from sgl.plan.header import TensorHeader

FLOATING: Final = frozenset(
    {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"}
)
"""Types that safetensors writes and the loader converts."""
FLOAT32_BYTES: Final = 4
TYPES: Final[dict[Kind, frozenset[str]]] = {
    "float": FLOATING,
    "fp8": frozenset({"F8_E4M3"}),
    "int8": frozenset({"I8"}),
    "uint8": frozenset({"U8"}),
    "int32": frozenset({"I32"}),
    "int64": frozenset({"I64", "I32"}),
}


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
    """One tensor that a checkpoint holds; without ``split`` every rank has all of it.

    Attributes:
        kind: What its type must be.
        optional: It may be missing.
        wide: It is held in float32, whatever the type of the others.
        held: What is held of it where that is something else, such as the weights that its codes are expanded to.
        holding: How it is held where that is as codes: [outputs, inputs], or so many of these.
    """

    name: str
    shape: tuple[int, ...]
    split: Split | None = None
    kind: Kind = "float"
    optional: bool = False
    wide: bool = False
    held: Parameter | None = None
    holding: Holding | None = None

    def bytes_of(self, tp: int, element_bytes: int) -> int:
        """Bytes that one rank holds of it, where others have elements of ``element_bytes``."""
        if self.held is not None:
            return self.held.bytes_of(tp, element_bytes)
        if self.holding is not None:
            *count, outputs, inputs = self.shape
            whole = prod(count) * self.holding.reported(outputs, inputs, element_bytes)
            return whole if self.split is None else whole * self.split.units_of(tp) // self.split.units
        return self.elements_of(tp) * (FLOAT32_BYTES if self.wide else element_bytes)

    def elements_of(self, tp: int) -> int:
        """Elements of one rank's part."""
        if self.split is None:
            return prod(self.shape)
        return prod(self.shape) // self.split.units * self.split.units_of(tp)


NOTHING: Final = Parameter("", (0,))


def parameters(model: ModelConfig, device: DeviceName = "cpu") -> Iterator[Parameter]:
    """Every tensor of a checkpoint that the model's slots are filled from, in no particular order."""
    for weight in weights(model):
        yield from stored(weight, model.quantization, device)


def stored(weight: Weight, quantization: Quantization | None = None, device: DeviceName = "cpu") -> Iterator[Parameter]:
    """The checkpoint's tensors of one weight.

    Args:
        device: Where codes are held.

    Raises:
        UnsupportedModel: It cannot be quantised as ``quantization`` says.
    """
    match weight:
        case Vector(name, size, wide):
            yield Parameter(name, (size,), wide=wide)
        case Norm(name, size, bias):
            yield Parameter(f"{name}.weight", (size,))
            if bias:
                yield Parameter(f"{name}.bias", (size,))
        case Table(name, rows, width):
            yield Parameter(f"{name}.weight", (rows, width), Split(0, rows, VOCABULARY_MULTIPLE))
        case ExpertStack():
            yield from _stack(weight, quantization, device)
        case Matrix():
            yield from _matrices(weight, quantization, device)


def _stack(weight: ExpertStack, quantization: Quantization | None, device: DeviceName) -> Iterator[Parameter]:
    count, inputs, outputs = weight.count, weight.inputs, weight.outputs
    if weight.mxfp4:
        groups = (count, outputs, inputs // MXFP4_BLOCK)
        expanded = Parameter(weight.name, (count, inputs, outputs))
        yield Parameter(f"{weight.name}_blocks", (*groups, MXFP4_BLOCK // 2), kind="uint8", held=expanded)
        yield Parameter(f"{weight.name}_scales", groups, kind="uint8", held=NOTHING)
    else:
        holding = stack_holding(weight, quantization, device)
        held = None if holding is None else Parameter(weight.name, (count, outputs, inputs), holding=holding)
        yield Parameter(weight.name, (count, inputs, outputs), held=held)
    if weight.bias:
        yield Parameter(f"{weight.name}_bias", (count, outputs))


def _matrices(weight: Matrix, quantization: Quantization | None, device: DeviceName) -> Iterator[Parameter]:
    by_rows = weight.split == "rows"
    for index, (name, outputs) in enumerate(zip(weight.names, weight.outputs, strict=True)):
        units = weight.units[index if by_rows else 0] if weight.units else 1
        codes = quantization if is_stored(weight, name, quantization) else None
        shape = (weight.inputs, outputs) if weight.transposed else (outputs, weight.inputs)
        axis = int(by_rows == weight.transposed)
        split = None if weight.split is None else Split(axis, units, weight.multiple)
        held = _held(weight, name, outputs, units, quantization, device)
        if codes is None:
            yield Parameter(f"{name}.weight", shape, split, wide=weight.wide, held=held)
        else:
            for tensor in stored_tensors(codes, name, outputs, weight.inputs):
                own = _split(weight, tensor, units)
                yield Parameter(f"{name}.{tensor.suffix}", tensor.shape, own, tensor.kind, tensor.optional, held=held)
                held = NOTHING
        # Of a sum over ranks the bias is added once: it is kept whole.
        split = Split(0, units) if by_rows else None
        if weight.bias:
            yield Parameter(f"{name}.bias", (outputs,), split, wide=weight.wide)
        elif codes is not None and bias_is_optional(codes):
            yield Parameter(f"{name}.bias", (outputs,), split, optional=True, held=NOTHING)


def _held(
    weight: Matrix, name: str, outputs: int, units: int, quantization: Quantization | None, device: DeviceName
) -> Parameter | None:
    """What a product holds of a quantised part of it; None where that is the checkpoint's tensor."""
    if quantization is None or not is_quantised(weight, name, quantization):
        return None
    split = None if weight.split is None else Split(int(weight.split == "columns"), units, weight.multiple)
    if weight.apart:
        return Parameter(name, (outputs, weight.inputs), split, wide=weight.wide)
    # Parts that are all quantised make one product.
    together = all(is_quantised(weight, each, quantization) for each in weight.names)
    holding = holding_of(weight, quantization, weight.width if together else outputs, device)
    return Parameter(name, (outputs, weight.inputs), split, holding=holding)


def _split(weight: Matrix, tensor: StoredTensor, units: int) -> Split | None:
    """How ranks share a tensor of a quantised matrix; one whose axis is no whole number of units is kept whole."""
    axis = None if weight.split is None else tensor.rows if weight.split == "rows" else tensor.columns
    if axis is None or tensor.shape[axis] % units:
        return None
    return Split(axis, units, weight.multiple)


def parameter_bytes(model: ModelConfig, element_bytes: int, tp: int = 1, device: DeviceName = "cpu") -> int:
    """Bytes of the parameters of one rank, as `Layer.weight_bytes` reports them after a load."""
    return sum(
        times * each.bytes_of(tp, element_bytes)
        for weight, times in counted_weights(model)
        for each in stored(weight, model.quantization, device)
    )


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
    rank_bytes = 0
    for header in headers:
        name = model.names.canonical(header.name)
        parameter = expected.get(name)
        if parameter is None:
            if not is_ignored(name, model):
                left_over.append(header.name)
            continue
        if name in seen:
            problems.append(f"the checkpoint holds '{header.name}' twice")
            continue
        seen.add(name)
        problems += _differences(header, parameter)
        agrees = same_shape(header.shape, parameter.shape)
        rank_bytes += parameter.bytes_of(tp, element_bytes) if agrees else element_bytes * -(-header.elements // tp)
    missing = sorted(name for name, parameter in expected.items() if not parameter.optional and name not in seen)
    if missing:
        problems.append(f"the checkpoint lacks '{missing[0]}' ({len(missing)} weights missing)")
    if left_over:
        problems.append(
            f"the checkpoint holds '{left_over[0]}', which this architecture does not use ({len(left_over)} left over)"
        )
    return HeaderWeights(rank_bytes, tuple(problems))


def is_ignored(name: str, model: ModelConfig) -> bool:
    """Whether a checkpoint tensor holds nothing new: buffers, or a tied head's second copy."""
    if model.tie_embeddings and name == f"{model.names.head}.weight":
        return True
    more = () if model.quantization is None else model.quantization.ignored
    return any(fnmatchcase(name, pattern) for pattern in (*model.ignored_weights, *more))


def same_shape(stored: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a tensor fits; one number may be stored as [], [1] or [1, 1]."""
    return stored == wanted or prod(stored) == prod(wanted) == 1


def _differences(header: TensorHeader, parameter: Parameter) -> Iterator[str]:
    if not same_shape(header.shape, parameter.shape):
        yield f"'{header.name}' has shape {list(header.shape)}, config.json asks for {list(parameter.shape)}"
    if header.dtype not in TYPES[parameter.kind]:
        wanted = "a floating-point one" if parameter.kind == "float" else " or ".join(sorted(TYPES[parameter.kind]))
        yield f"'{header.name}' has type {header.dtype}, not {wanted}"

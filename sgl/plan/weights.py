"""The weights of one rank, exactly: from a `ModelConfig`, or from the headers of a checkpoint.

`layer_parameters` and `other_parameters` are the one map from a checkpoint's tensor names to shapes and to how ranks
share them (Megatron-LM, Shoeybi et al. 2019):

* q, k, v, gate and up projections are split by output rows, with their biases; whole heads stay together, and where
  there are fewer KV heads than ranks each rank keeps one;
* o and down projections are split by input columns; their biases are added once and kept whole;
* embedding and head are split over the vocabulary, padded to a multiple of 64 and of the number of ranks (one rank
  pads nothing);
* norms are kept whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import lcm, prod
from typing import Final

from sgl.config.model import ModelConfig
from sgl.config.packing import round_up
from sgl.plan.header import TensorHeader

VOCABULARY_MULTIPLE: Final = 64
"""Rows of the split embedding come in whole tiles of a matrix product."""
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
        return self.units if tp == 1 else round_up(self.units, lcm(self.multiple, tp)) // tp


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
    yield from other_parameters(model)
    for layer in range(model.num_layers):
        yield from layer_parameters(model, layer)


def other_parameters(model: ModelConfig) -> Iterator[Parameter]:
    """The tensors outside of the layers."""
    table = (model.vocab_size, model.hidden_size)
    by_tokens = Split(0, model.vocab_size, VOCABULARY_MULTIPLE)
    yield Parameter("model.embed_tokens.weight", table, by_tokens)
    yield Parameter("model.norm.weight", (model.hidden_size,))
    if not model.tie_embeddings:
        yield Parameter("lm_head.weight", table, by_tokens)


def layer_parameters(model: ModelConfig, layer: int) -> Iterator[Parameter]:
    """The tensors of one layer; every layer has the same shapes."""
    prefix = f"model.layers.{layer}"
    hidden, inner = model.hidden_size, model.intermediate_size
    q_width = model.num_heads * model.head_dim
    yield Parameter(f"{prefix}.input_layernorm.weight", (hidden,))
    yield Parameter(f"{prefix}.post_attention_layernorm.weight", (hidden,))
    attention = f"{prefix}.self_attn"
    yield from _by_rows(f"{attention}.q_proj", q_width, hidden, model.num_heads, bias=model.qkv_bias)
    for name in ("k_proj", "v_proj"):
        yield from _by_rows(f"{attention}.{name}", model.kv_width, hidden, model.num_kv_heads, bias=model.qkv_bias)
    yield from _by_columns(f"{attention}.o_proj", hidden, q_width, model.num_heads, bias=model.output_bias)
    if model.qk_norm:
        yield Parameter(f"{attention}.q_norm.weight", (model.head_dim,))
        yield Parameter(f"{attention}.k_norm.weight", (model.head_dim,))
    for name in ("gate_proj", "up_proj"):
        yield from _by_rows(f"{prefix}.mlp.{name}", inner, hidden, inner, bias=model.mlp_bias)
    yield from _by_columns(f"{prefix}.mlp.down_proj", hidden, inner, inner, bias=model.mlp_bias)


def parameter_bytes(model: ModelConfig, element_bytes: int, tp: int = 1) -> int:
    """Bytes of the parameters of one rank, as `Layer.weight_bytes` reports them after a load."""
    outside = sum(each.elements_of(tp) for each in other_parameters(model))
    layer = sum(each.elements_of(tp) for each in layer_parameters(model, 0))
    return (outside + model.num_layers * layer) * element_bytes


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
    if model.tie_embeddings and name == "lm_head.weight":
        return True
    return any(fnmatchcase(name, pattern) for pattern in model.ignored_weights)


def _by_rows(name: str, outputs: int, inputs: int, units: int, *, bias: bool) -> Iterator[Parameter]:
    yield Parameter(f"{name}.weight", (outputs, inputs), Split(0, units))
    if bias:
        yield Parameter(f"{name}.bias", (outputs,), Split(0, units))


def _by_columns(name: str, outputs: int, inputs: int, units: int, *, bias: bool) -> Iterator[Parameter]:
    yield Parameter(f"{name}.weight", (outputs, inputs), Split(1, units))
    if bias:
        yield Parameter(f"{name}.bias", (outputs,))  # Ranks add their parts up, and the bias once.


def _differences(header: TensorHeader, parameter: Parameter) -> Iterator[str]:
    if header.shape != parameter.shape:
        yield f"'{header.name}' has shape {list(header.shape)}, config.json asks for {list(parameter.shape)}"
    if header.dtype not in FLOATING:
        yield f"'{header.name}' has type {header.dtype}, not a floating-point one"

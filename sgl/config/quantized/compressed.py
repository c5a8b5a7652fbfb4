"""compressed-tensors, as llm-compressor writes it: pack-quantized, int-quantized and float-quantized weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sgl.config.hf import HfConfig
from sgl.config.quantization import Quantization, Scale
from sgl.config.quantized.fp8 import KEPT_ACTIVATIONS, KEPT_CACHE, KV_SCALES, block_size
from sgl.config.quantized.group import read_group
from sgl.config.quantized.patterns import patterns
from sgl.errors import UnsupportedModel

_SOURCE: Final = "compressed-tensors"
_LINEAR: Final = "Linear"
"""The target that stands for all matrices, of the head and of routers, too."""
_ANY: Final = "re:"


def read_compressed(own: HfConfig) -> Quantization | None:
    """Reads ``quant_method: compressed-tensors``; None where only the KV cache is to be quantised."""
    sparsity = own.section("sparsity_config")
    if sparsity is not None:
        sparsity.only("format", "dense")
    own.only("transform_config", {}, why="rotated weights")
    cache = own.has("kv_cache_scheme")
    groups = own.section("config_groups")
    if groups is None or not own.raw("config_groups"):
        if cache:
            return None
        raise UnsupportedModel(f"{own.source} lacks 'config_groups', which compressed-tensors needs")
    schemes = [_scheme(own, group) for group in map(groups.section, own.raw("config_groups")) if group is not None]
    targets = tuple(target for scheme in schemes for target in scheme.only)
    first = replace(schemes[0], only=())
    if any(replace(scheme, only=()) != first for scheme in schemes):
        raise UnsupportedModel(f"{own.source}: 'config_groups' of different schemes are not implemented")
    everything = _LINEAR in targets
    return replace(
        first,
        only=() if everything else targets,
        also=(_ANY,) if everything else targets,
        skipped=patterns(own, "ignore"),
        ignored=KV_SCALES if cache else (),
        notes=(*first.notes, KEPT_CACHE) if cache else first.notes,
    )


def _scheme(own: HfConfig, group: HfConfig) -> Quantization:
    """One of ``config_groups``; its targets are ``only``."""
    weights = group.section("weights")
    if weights is None:
        raise UnsupportedModel(f"{group.source} lacks 'weights': quantising activations alone is not implemented")
    group.only("output_activations")
    weights.only("dynamic", False)
    # Groups name a format of their own where they differ ("mixed-precision").
    form = group.read("format", str, "") or own.require("format", str)
    kind = weights.read("type", str, "int")
    if form == "naive-quantized":
        form = "float-quantized" if kind == "float" else "int-quantized"
    if form not in _FORMATS:
        raise UnsupportedModel(
            f"{own.source}: 'format': {json.dumps(form)} is not implemented; known: {', '.join(_FORMATS)}"
        )
    scheme = _FORMATS[form](group, weights)
    return replace(scheme, source=f"{_SOURCE}, {form}", only=patterns(group, "targets"))


def _packed(group: HfConfig, weights: HfConfig) -> Quantization:
    group.only("input_activations", why="4-bit weights with quantised activations")
    weights.only("type", "int")
    weights.only("num_bits", 4, 8)
    weights.only("actorder", "group", "dynamic", "weight", "static", False)
    strategy = _strategy(weights, "group", "channel")
    return Quantization(
        method="packed",
        bits=weights.require("num_bits", int),
        scale=strategy,
        group=read_group(weights) if strategy == "group" else None,
        symmetric=weights.read("symmetric", bool, True),
        # "weight" orders the inputs only while it quantises them.
        ordered=weights.raw("actorder") in ("group", "dynamic"),
    )


def _int8(group: HfConfig, weights: HfConfig) -> Quantization:
    weights.only("type", "int")
    weights.require("num_bits", int)
    weights.only("num_bits", 8)
    weights.only("symmetric", True)
    inputs = group.section("input_activations")
    static: tuple[str, ...] = ()
    if inputs is not None:
        inputs.only("type", "int")
        inputs.only("num_bits", 8)
        static = _static(inputs)
    return Quantization(
        method="int8",
        bits=8,
        scale=_strategy(weights, "channel", "tensor"),
        activations=None if inputs is None else 8,
        static=static,
        notes=("activations are made int8 by their own largest values, not by the stored scales",) if static else (),
    )


def _float8(group: HfConfig, weights: HfConfig) -> Quantization:
    weights.only("type", "float")
    weights.require("num_bits", int)
    weights.only("num_bits", 8)
    weights.only("symmetric", True)
    inputs = group.section("input_activations")
    strategy = _strategy(weights, "tensor", "channel", "block")
    block = weights.raw("block_structure")
    return Quantization(
        method="fp8",
        bits=8,
        scale=strategy,
        block=block_size(weights, "block_structure", block) if strategy == "block" else None,
        activations=None if inputs is None else 8,
        static=() if inputs is None else _static(inputs),
        notes=() if inputs is None else (KEPT_ACTIVATIONS,),
    )


def _static(inputs: HfConfig) -> tuple[str, ...]:
    """The tensors that a checkpoint has for activations."""
    if inputs.raw("dynamic") not in (None, False):
        return ()
    return ("input_scale",) if inputs.read("symmetric", bool, True) else ("input_scale", "input_zero_point")


def _strategy(weights: HfConfig, *known: Scale) -> Scale:
    """What shares a scale. Files without it mean groups where there is a group size, else the tensor."""
    default = "group" if weights.raw("group_size") not in (None, -1) else "tensor"
    strategy = weights.read("strategy", str, default)
    for scale in known:
        if scale == strategy:
            return scale
    raise UnsupportedModel(
        f"{weights.source}: 'strategy': {json.dumps(strategy)} is not implemented; known: {', '.join(known)}"
    )


_FORMATS: Final[dict[str, Callable[[HfConfig, HfConfig], Quantization]]] = {
    "pack-quantized": _packed,
    "int-quantized": _int8,
    "float-quantized": _float8,
}

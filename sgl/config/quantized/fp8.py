"""FP8 weights (Micikevicius et al. 2022, E4M3): DeepSeek's blocks, AutoFP8's tensors, FBGEMM's channels."""

from __future__ import annotations

import json
from typing import Final

from sgl.config.hf import HfConfig
from sgl.config.quantization import Quantization
from sgl.config.quantized.patterns import patterns
from sgl.errors import UnsupportedModel

KV_SCALES: Final = ("*.k_scale", "*.v_scale", "*.q_scale", "*.kv_scale")
"""Scales for an FP8 cache of keys and values."""
KEPT_ACTIVATIONS: Final = "activations stay as they are; the checkpoint's authors make them FP8"
KEPT_CACHE: Final = "the checkpoint's scales for an FP8 KV cache are not used"


def read_fp8(own: HfConfig) -> Quantization:
    """Reads ``quant_method: fp8``: in blocks, or with a scale per tensor.

    Where ``weight_block_size`` is mentioned, tensors have transformers' names, else those of AutoFP8.
    """
    own.only("activation_scheme", "dynamic", "static")
    own.only("fmt", "e4m3")
    own.only("scale_fmt", "float", "ue8m0")
    own.only("expert_dtype", "fp8")
    own.only("modules_to_convert", [])
    own.only("is_checkpoint_fp8_serialized", True, why="weights that are made FP8 at load")
    block = _block(own)
    static = own.read("activation_scheme", str, "dynamic") == "static"
    transformers_names = own.mentions("weight_block_size")
    input_scale = "activation_scale" if transformers_names else "input_scale"
    cache = own.has("kv_cache_scheme")
    return Quantization(
        method="fp8",
        bits=8,
        scale="tensor" if block is None else "block",
        block=block,
        scale_name="weight_scale_inv" if transformers_names else "weight_scale",
        activations=8,
        static=(input_scale,) if static else (),
        skipped=(*patterns(own, "modules_to_not_convert"), *patterns(own, "ignored_layers")),
        ignored=KV_SCALES if cache else (),
        source="fp8",
        notes=(KEPT_ACTIVATIONS, KEPT_CACHE) if cache else (KEPT_ACTIVATIONS,),
    )


def read_fbgemm(own: HfConfig) -> Quantization:
    """Reads ``quant_method: fbgemm_fp8``: a scale per output."""
    return Quantization(
        method="fp8",
        bits=8,
        scale="channel",
        activations=8,
        skipped=patterns(own, "modules_to_not_convert"),
        ignored=("*.input_scale_ub",),
        source="fbgemm_fp8",
        notes=(KEPT_ACTIVATIONS,),
    )


def _block(own: HfConfig) -> tuple[int, int] | None:
    value = own.raw("weight_block_size")
    return None if value is None else block_size(own, "weight_block_size", value)


def block_size(own: HfConfig, name: str, value: object) -> tuple[int, int]:
    """Outputs and inputs of a block.

    Raises:
        UnsupportedModel: These are not two numbers above 0.
    """
    if isinstance(value, list) and len(value) == 2 and all(type(size) is int and size > 0 for size in value):
        return value[0], value[1]
    raise UnsupportedModel(f"{own.source}: '{name}' must be two numbers above 0, not {json.dumps(value)[:60]}")

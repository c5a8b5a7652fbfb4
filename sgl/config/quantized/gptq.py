"""GPTQ (Frantar et al. 2022), as AutoGPTQ and GPTQModel write it."""

from __future__ import annotations

import json
from typing import Any

from sgl.config.hf import HfConfig
from sgl.config.quantization import Quantization
from sgl.config.quantized.group import read_group
from sgl.config.quantized.patterns import regex
from sgl.errors import UnsupportedModel


def read_gptq(own: HfConfig) -> Quantization:
    """Reads ``quant_method: gptq``."""
    own.require("bits", int)
    own.only("bits", 4, 8)
    own.only("checkpoint_format", "gptq", "gptq_v2")
    own.only("format", "gptq", "gptq_v2")
    own.only("pack_dtype", "int32")
    own.only("is_marlin_format", False, why="repacked for one GPU kernel")
    form = own.read("checkpoint_format", str, "") or own.read("format", str, "gptq")
    group = read_group(own)
    return Quantization(
        method="gptq",
        bits=own.require("bits", int),
        scale="channel" if group is None else "group",
        group=group,
        symmetric=own.read("sym", bool, True),
        ordered=own.read("desc_act", bool, False),
        zero_offset=1 if form == "gptq" else 0,
        only=_only(own),
        skipped=_skipped(own),
        also=("lm_head",) if own.read("lm_head", bool, False) else (),
        source="gptq",
    )


def _only(own: HfConfig) -> tuple[str, ...]:
    """Modules of ``modules_in_block_to_quantize``, a list of lists of names inside of a layer."""
    value = own.raw("modules_in_block_to_quantize")
    if value is None:
        return ()
    names: list[Any] = [name for part in value for name in part] if _is_nested(value) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise UnsupportedModel(f"{own.source}: 'modules_in_block_to_quantize' must be lists of module names")
    return tuple(names)


def _is_nested(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, list) for part in value)


def _skipped(own: HfConfig) -> tuple[str, ...]:
    """Modules that ``dynamic`` keeps: ``{"-:<regex>": {}}``. Settings of a module's own are refused."""
    dynamic = own.section("dynamic")
    if dynamic is None:
        return ()
    skipped = []
    for pattern in own.raw("dynamic"):
        if not pattern.startswith("-:"):
            raise UnsupportedModel(
                f"{own.source}: 'dynamic' gives modules settings of their own ({json.dumps(pattern)}), which is not "
                "implemented; known: '-:', which keeps modules as they are"
            )
        skipped.append(regex(own, "dynamic", pattern.removeprefix("-:")))
    return tuple(skipped)

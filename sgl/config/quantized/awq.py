"""AWQ (Lin et al. 2023), as AutoAWQ writes it for its GEMM kernel."""

from __future__ import annotations

import json

from sgl.config.hf import HfConfig
from sgl.config.quantization import Quantization
from sgl.config.quantized.group import read_group
from sgl.config.quantized.patterns import patterns
from sgl.errors import UnsupportedModel


def read_awq(own: HfConfig) -> Quantization:
    """Reads ``quant_method: awq``. quant_config.json, which is older, has ``w_bit`` and ``q_group_size``."""
    own = own.with_defaults(bits=own.raw("w_bit"), group_size=own.raw("q_group_size"))
    own.require("bits", int)
    own.only("bits", 4)
    for name in ("version", "format"):
        version = own.read(name, str, "gemm")
        if version.lower() != "gemm":
            raise UnsupportedModel(f"{own.source}: '{name}': {json.dumps(version)} is not implemented; known: \"gemm\"")
    group = read_group(own)
    return Quantization(
        method="awq",
        bits=4,
        scale="channel" if group is None else "group",
        group=group,
        symmetric=not own.read("zero_point", bool, True),
        skipped=patterns(own, "modules_to_not_convert"),
        source="awq",
    )

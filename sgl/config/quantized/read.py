"""`read_quantization`: config.json -> `Quantization`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from sgl.config.hf import HfConfig
from sgl.config.quantization import Quantization
from sgl.config.quantized.awq import read_awq
from sgl.config.quantized.compressed import read_compressed
from sgl.config.quantized.fp8 import read_fbgemm, read_fp8
from sgl.config.quantized.gptq import read_gptq
from sgl.config.quantized.patterns import patterns
from sgl.errors import UnsupportedModel

FIELDS: Final = ("quantization_config", "compression_config")
"""The second is what compressed-tensors called it at first."""

_METHODS: Final[dict[str, Callable[[HfConfig], Quantization | None]]] = {
    "gptq": read_gptq,
    "awq": read_awq,
    "fp8": read_fp8,
    "fbgemm_fp8": read_fbgemm,
    "compressed-tensors": read_compressed,
    "mxfp4": lambda own: Quantization(
        method="mxfp4", bits=4, group=32, skipped=patterns(own, "modules_to_not_convert"), source="mxfp4"
    ),
}


def read_quantization(hf: HfConfig) -> Quantization | None:
    """How the checkpoint's weights are quantised; None where they are not.

    Raises:
        UnsupportedModel: The method, or a value of its settings, is not implemented; names it and what is.
    """
    own = next((section for section in map(hf.section, FIELDS) if section is not None), None)
    if own is None:
        return None
    method = own.raw("quant_method")
    if method is None and own.has("config_groups"):
        method = "compressed-tensors"
    if not isinstance(method, str) or method not in _METHODS:
        raise UnsupportedModel(
            f"{own.source}: 'quant_method': {json.dumps(method)} is not implemented; known: {', '.join(_METHODS)}"
        )
    return _METHODS[method](own)

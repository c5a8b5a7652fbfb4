"""What a scheme comes to on this device, told for the log and the dry run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.devices import DeviceName
from sgl.config.engine import DTypeName
from sgl.config.held import quantised_products
from sgl.config.model import ModelConfig
from sgl.config.quantized.tensors import MXFP4_BLOCK, mxfp4_elements
from sgl.config.reason import Reason
from sgl.config.sizes import ELEMENT_BYTES, gib
from sgl.gpu import FIRST_FP8, GpuInfo

NOT_QUANTISED: Final = "none"


def told_quantisation(model: ModelConfig, dtype: DTypeName, gpu: GpuInfo | None) -> Reason:
    """Says how the checkpoint is quantised, and what that comes to on the GPU, or on the CPU where that is None."""
    scheme = model.quantization
    if scheme is None:
        return Reason("quantization", NOT_QUANTISED, "the checkpoint is not quantised")
    whys = ["--quantization asks for it" if scheme.at_load else "config.json says so", *scheme.notes]
    here = "this CPU" if gpu is None else "this GPU"
    if scheme.method == "fp8" and gpu is None:
        count = sum(outputs * inputs for outputs, inputs, _ in quantised_products(model))
        sizes = f"{gib(count * ELEMENT_BYTES[dtype])} instead of {gib(count)}"
        whys.append(f"{here} does not multiply FP8, so weights are expanded to {dtype}, {sizes}")
    elif scheme.method == "fp8" and gpu is not None and 0 < gpu.capability < FIRST_FP8:
        name = f"{here} (sm_{gpu.capability})"
        whys.append(f"{name} does not multiply FP8: weights stay so in memory and are widened as they are read")
    if scheme.method == "mxfp4":
        count = mxfp4_elements(model)
        sizes = f"{gib(count * ELEMENT_BYTES[dtype])} instead of {gib(count // 2 + count // MXFP4_BLOCK)}"
        whys.append(f"{here} does not multiply MXFP4, so experts are expanded to {dtype}, {sizes}")
    whys += _not_packed(model, "cpu" if gpu is None else "cuda")
    return Reason("quantization", scheme, "; ".join(whys))


def _not_packed(model: ModelConfig, device: DeviceName) -> Iterator[str]:
    """Says it when matrices are held in the type of activations although they are stored or wanted in 4 or 8 bits."""
    scheme = model.quantization
    if scheme is None or scheme.method == "mxfp4" or (scheme.method == "fp8" and device == "cpu"):
        return
    kinds = [holding.kind for _, _, holding in quantised_products(model, device)]
    plain = kinds.count("expanded")
    if plain:
        yield (
            f"{plain} of {len(kinds)} products are held in the compute type all the same: they are small, or "
            "their widths or groups are none that the 4-bit kernel takes"
        )

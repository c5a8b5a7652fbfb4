"""Whose kernels compute attention: by device, model, settings, and what imports. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.devices import AttentionName
from sgl.config.engine import DTypeName, EngineConfig
from sgl.config.model import ModelConfig
from sgl.errors import UsageError
from sgl.gpu import INTERPRET, Accelerator, GpuInfo

FLASHINFER_HEADS: Final = (64, 128, 256)
"""Widths of a head that FlashInfer's kernels for paged KV are made for (flashinfer/jit, FA2 templates)."""
FLASHINFER_LATENT: Final = (512, 64)
"""Compressed and positional part of the vectors that its MLA kernel takes: DeepSeek's."""
TRITON_WIDEST: Final = 256
"""Widest head that our kernels keep in registers."""
_FLAG: Final = "--attention-backend"
_INTERPRETED: Final = f"{INTERPRET}=1 has its kernels interpreted on the CPU, which is for tests"


def choose_attention(
    config: EngineConfig, model: ModelConfig, dtype: DTypeName, gpu: GpuInfo | None, accelerator: Accelerator
) -> tuple[AttentionName, str]:
    """The backend, and why; a wish stands as it is.

    Args:
        dtype: Of activations.
        gpu: Where it is computed; None is the CPU.
        accelerator: What imports.
    """
    if config.attention_backend is not None:
        interpreted = config.attention_backend == "triton" and gpu is None
        return config.attention_backend, _INTERPRETED if interpreted else "it was asked for"
    if gpu is None:
        return "torch", "it is the one for CPUs"
    narrow = triton_lacks(model)
    flashinfer = accelerator.flashinfer
    takes = flashinfer.usable and not flashinfer_lacks(config, model, dtype)
    if not narrow:
        # Ours come first until a measurement says otherwise: FlashInfer compiles for minutes and needs nvcc for it.
        other = f"; FlashInfer {flashinfer.version}, which takes it as well, is used when asked for" if takes else ""
        return "triton", f"our kernels take this model{other}"
    if takes:
        return "flashinfer", f"our kernels do not take {narrow}, and FlashInfer {flashinfer.version} does"
    return "torch", f"no kernel here takes {narrow}; it is slow"


def attention_refusals(
    config: EngineConfig, model: ModelConfig, dtype: DTypeName, gpu: GpuInfo | None, accelerator: Accelerator
) -> Iterator[UsageError]:
    """Yields why the backend that was asked for cannot be had."""
    name = config.attention_backend
    if name is None or name == "torch":
        return
    if gpu is None:
        if name == "flashinfer" or not accelerator.interpreted:
            yield UsageError(f"{_FLAG} {name} needs a GPU, and this start computes on the CPU", hint="leave it out")
        elif not accelerator.triton.usable:
            yield UsageError(f"{_FLAG} triton: {accelerator.triton.problem}", hint="pip install triton")
        return
    if name == "flashinfer" and not accelerator.flashinfer.usable:
        problem = accelerator.flashinfer.problem
        yield UsageError(f"{_FLAG} flashinfer: {problem}", hint="pip install 'sgl[cuda]', or leave it out")
        return
    lacks = flashinfer_lacks(config, model, dtype) if name == "flashinfer" else triton_lacks(model)
    if lacks:
        yield UsageError(f"{_FLAG} {name} does not take {lacks}", hint="leave it out")


def flashinfer_lacks(config: EngineConfig, model: ModelConfig, dtype: DTypeName) -> str:
    """What FlashInfer does not do and this start needs; empty where it does all."""
    if config.deterministic:
        return "--deterministic: its splits depend on the batch"
    if dtype == "float32":
        return "float32"
    if config.kv_cache_dtype is not None:
        return f"a KV cache in {config.kv_cache_dtype} with a multiplier for each token's head"
    if model.sinks:
        return "attention sinks"
    if model.attention_softcap is not None and any(window is not None for window in model.windows):
        return "a soft cap together with sliding windows"
    latent = model.latent
    if latent is not None:
        parts = (latent.kv_rank, latent.rope_dim)
        return "" if parts == FLASHINFER_LATENT else f"latent attention of {parts[0]} + {parts[1]} elements"
    return "" if model.head_dim in FLASHINFER_HEADS else f"heads of {model.head_dim} elements"


def triton_lacks(model: ModelConfig) -> str:
    """The same of our own kernels, which take all types, caps, windows, sinks and 8-bit caches."""
    if model.latent is None and model.head_dim > TRITON_WIDEST:
        return f"heads of {model.head_dim} elements"
    return ""

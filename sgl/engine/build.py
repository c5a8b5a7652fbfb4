"""From a folder to a running engine: config, weights, pool, cache, runner, scheduler, in that order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import torch

from sgl.config.at_load import quantize_at_load
from sgl.config.engine import DTypeName, EngineConfig, ResolvedConfig
from sgl.config.hf import HfConfig, end_token_ids
from sgl.config.resolve import resolve
from sgl.config.sizes import gib
from sgl.device import probe_cpu
from sgl.engine.assembled import Assembled
from sgl.engine.attention import make_attention
from sgl.engine.device import probe_accelerator
from sgl.engine.memory import CudaMemory, guarded
from sgl.engine.quantization import QuantizationErrors
from sgl.engine.runner import CpuRunner, Runner
from sgl.kvcache.cache import PrefixCache
from sgl.loader.load import load_weights
from sgl.models.decoder import Decoder
from sgl.models.table import read_model_config
from sgl.plan.demand import demand
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.place import place_of
from sgl.plan.remedies import shortage_error
from sgl.protocol.messages import EngineInfo, Phase
from sgl.weights.slot import Placement

TORCH_DTYPES: Final[dict[DTypeName, torch.dtype]] = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}

logger = logging.getLogger(__name__)

Report = Callable[[Phase], None]
"""Hears of start-up progress."""


class Engine:
    """The parts of a started engine that a scheduler needs, and what it turned out to be."""

    def __init__(self, runner: Runner, cache: PrefixCache, info: EngineInfo, config: ResolvedConfig) -> None:
        self.runner = runner
        self.cache = cache
        self.info = info
        self.config = config


def build_engine(config: EngineConfig, report: Report) -> Engine:
    """Loads the model and sizes everything.

    Raises:
        ModelError: The folder cannot be served.
        UsageError: A flag contradicts the model or the machine.
        StartupError: The machine has too little memory.
    """
    started = time.monotonic()
    folder = Path(config.model_path)
    device = probe_cpu()
    hf = HfConfig.load(folder)
    model_config = quantize_at_load(read_model_config(hf), config.quantization)
    accelerator = probe_accelerator(config)
    resolved = resolve(config, model_config, device, accelerator)
    torch.set_num_threads(resolved.threads)
    seconds = {"resolve": time.monotonic() - started}
    report(Phase("resolve", f"{model_config.architecture}, {resolved.dtype}", seconds["resolve"]))

    place = place_of(device, accelerator.usable if resolved.device == "cuda" else None)
    plan = plan_memory(demand(resolved, model_config, place))
    error = shortage_error(plan)
    if error is not None:
        raise error
    with guarded("weights", plan.demand, CudaMemory()) if resolved.device == "cuda" else nullcontext():
        model, seconds["weights"] = _load(plan, resolved, folder, report)
    begun = time.monotonic()
    assembled = (_assemble_on_gpu if _has_kernels(resolved) else _assemble)(model, plan, resolved, config, report)
    plan = assembled.plan
    seconds["kv_pool"] = time.monotonic() - begun
    report(Phase("kv_pool", f"{plan.kv_tokens} tokens", seconds["kv_pool"]))
    info = EngineInfo(
        architecture=model_config.architecture,
        model_type=model_config.model_type,
        vocab_size=model_config.vocab_size,
        max_model_len=resolved.max_model_len,
        max_request_tokens=plan.max_request_tokens,
        kv_tokens=plan.kv_tokens,
        page_size=resolved.page_size,
        max_running_requests=resolved.max_running_requests,
        chunked_prefill_size=resolved.chunked_prefill_size,
        eos_token_ids=end_token_ids(hf, folder),
        dtype=resolved.dtype,
        device=resolved.device,
        weight_bytes=model.weight_bytes(),
        kv_bytes=assembled.kv_bytes,
        reasons=resolved.reasons,
        settings=_settings(resolved),
        load_seconds=seconds,
    )
    return Engine(assembled.runner, assembled.cache, info, resolved)


def _has_kernels(resolved: ResolvedConfig) -> bool:
    """Whether the engine's part for GPUs computes: on one, or interpreted on a CPU."""
    return resolved.device == "cuda" or resolved.attention_backend != "torch"


def _assemble(
    model: Decoder, plan: MemoryPlan, resolved: ResolvedConfig, config: EngineConfig, report: Report
) -> Assembled:
    attention = make_attention(
        model.config,
        pages=plan.pages,
        page_size=resolved.page_size,
        dtype=TORCH_DTYPES[resolved.dtype],
        deterministic=resolved.deterministic,
        storage=config.kv_cache_dtype,
    )
    cache = PrefixCache(
        plan.pages,
        resolved.page_size,
        resolved.max_running_requests,
        plan.max_request_tokens,
        radix=resolved.radix_cache,
    )
    return Assembled(CpuRunner(model, attention, cache.rows), cache, plan, attention.pool.bytes_total)


def _assemble_on_gpu(
    model: Decoder, plan: MemoryPlan, resolved: ResolvedConfig, config: EngineConfig, report: Report
) -> Assembled:
    # Imported here: it needs Triton, which machines without a GPU need not have.
    from sgl.engine.gpu.attention import GpuAttention
    from sgl.engine.gpu.build import assemble

    dtype, device = TORCH_DTYPES[resolved.dtype], torch.device(resolved.device)
    attention = GpuAttention(model.config, resolved, dtype, config.kv_cache_dtype, device)
    return assemble(model, plan.demand, resolved, attention, report)


def _load(plan: MemoryPlan, resolved: ResolvedConfig, folder: Path, report: Report) -> tuple[Decoder, float]:
    begun = time.monotonic()
    report(Phase("weights", total=plan.weight_bytes))
    errors = QuantizationErrors()
    place = Placement(
        TORCH_DTYPES[resolved.dtype],
        torch.device("cpu"),
        plan.demand.model.quantization,
        hear_error=errors.hear if logger.isEnabledFor(logging.DEBUG) else None,
    )
    if _has_kernels(resolved):
        from sgl.engine.gpu.build import on_gpu

        place = on_gpu(place, resolved)
    model = Decoder(plan.demand.model, place, resolved.max_model_len)
    load_weights(
        model,
        folder,
        load_format=resolved.load_format,
        seed=resolved.seed,
        deterministic=resolved.deterministic,
        progress=lambda done, total: report(Phase("weights", done=done, total=total)),
    )
    for line in errors.lines():
        logger.debug(line)
    seconds = time.monotonic() - begun
    size = model.weight_bytes()
    report(Phase("weights", f"{gib(size)}, {resolved.load_format}", seconds, size, size))
    return model, seconds


def _settings(resolved: ResolvedConfig) -> dict[str, str | int | float | bool | None]:
    names = (name for name in resolved.__struct_fields__ if name != "reasons")
    return {name: getattr(resolved, name) for name in names}

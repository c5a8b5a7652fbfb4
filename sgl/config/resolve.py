"""Every "auto" decided once, with the reason as text. Pure: (wishes, model, device) -> decisions."""

from __future__ import annotations

from typing import Final

from sgl.config.engine import DTypeName, EngineConfig, ResolvedConfig
from sgl.config.model import ModelConfig
from sgl.device import DeviceInfo
from sgl.errors import UsageError

PAGE_SIZE: Final = 16
CPU_CHUNK: Final = 512
CPU_RUNNING: Final = 64
CPU_MEMORY_FRACTION: Final = 0.5
"""Share of the machine's memory for weights and KV pool on a CPU, where other programs live too."""
QUEUE_FACTOR: Final = 4
MIN_QUEUE: Final = 256
ONE_THREAD_BELOW: Final = 4_000_000
"""Parameters under which a second thread costs more in barriers than it computes."""
ELEMENT_BYTES: Final[dict[DTypeName, int]] = {"bfloat16": 2, "float16": 2, "float32": 4}


def resolve(config: EngineConfig, model: ModelConfig, device: DeviceInfo) -> ResolvedConfig:
    """Decides what was left open.

    Raises:
        UsageError: A wish contradicts the model, the device or another wish.
    """
    reasons: list[str] = []

    def decide(name: str, value: object, because: str) -> None:
        reasons.append(f"{name}: {value}, because {because}")

    if config.tp_size != 1:
        raise UsageError(f"--tp {config.tp_size}: tensor parallelism is not in this version; use --tp 1")
    dtype, why = _dtype(config, model, device)
    decide("dtype", dtype, why)
    max_model_len = _max_model_len(config, model)
    if config.max_model_len is None:
        decide("max_model_len", max_model_len, "config.json's max_position_embeddings says so")
    page_size = config.page_size or PAGE_SIZE
    if config.page_size is None:
        decide("page_size", page_size, "it shares prefixes finely at a small page table")
    running = config.max_running_requests or CPU_RUNNING
    if config.max_running_requests is None:
        decide("max_running_requests", running, "a CPU gains nothing from larger batches")
    chunk = config.chunked_prefill_size or CPU_CHUNK
    if config.chunked_prefill_size is None:
        decide("chunked_prefill_size", chunk, "a CPU's matrix products are at full speed from there")
    threads = config.threads or (1 if model.parameter_count() < ONE_THREAD_BELOW else device.cores)
    if config.threads is None:
        small = "the model is too small to share out" if threads < device.cores else "it is every core"
        decide("threads", threads, small)
    fraction = config.mem_fraction_static or CPU_MEMORY_FRACTION
    if config.mem_fraction_static is None and config.max_total_tokens is None:
        decide("mem_fraction_static", fraction, "the other half of the memory is for other programs")
    return ResolvedConfig(
        model_path=config.model_path,
        dtype=dtype,
        load_format=config.load_format,
        max_model_len=max_model_len,
        page_size=page_size,
        max_total_tokens=config.max_total_tokens,
        mem_fraction_static=fraction,
        max_running_requests=running,
        max_queued_requests=config.max_queued_requests or max(MIN_QUEUE, QUEUE_FACTOR * running),
        chunked_prefill_size=chunk,
        schedule_policy=config.schedule_policy,
        radix_cache=config.radix_cache,
        deterministic=config.deterministic,
        speculative=config.speculative,
        draft_tokens=config.draft_tokens,
        device=device.name,
        threads=threads,
        seed=config.seed,
        reasons=tuple(reasons),
    )


def _dtype(config: EngineConfig, model: ModelConfig, device: DeviceInfo) -> tuple[DTypeName, str]:
    if config.dtype is not None:
        return config.dtype, "it was asked for"
    stored = model.checkpoint_dtype
    if stored not in ("bfloat16", "float16"):
        return "float32", f"the checkpoint is {stored or 'float32'}"
    if stored == "bfloat16" and device.fast_bfloat16:
        return "bfloat16", "the checkpoint is bfloat16 and this CPU computes it in hardware"
    wide_bytes = wide_weight_bytes(model)
    if wide_bytes <= device.available_bytes * CPU_MEMORY_FRACTION:
        return "float32", f"this CPU multiplies float32 faster than {stored} and {gib(wide_bytes)} of weights fit"
    return ("bfloat16" if stored == "bfloat16" else "float16"), (
        f"float32 weights ({gib(wide_bytes)}) do not fit in half of {gib(device.available_bytes)}"
    )


def wide_weight_bytes(model: ModelConfig) -> int:
    """Bytes of the weights in float32 as they are held: a tied head is packed beside the embedding."""
    tied_copy = model.vocab_size * model.hidden_size if model.tie_embeddings else 0
    return 4 * (model.parameter_count() + tied_copy)


def _max_model_len(config: EngineConfig, model: ModelConfig) -> int:
    if config.max_model_len is None:
        return model.max_position
    if config.max_model_len > model.max_position:
        raise UsageError(
            f"--max-model-len {config.max_model_len} is beyond the {model.max_position} positions this model has"
        )
    return config.max_model_len


def gib(count: int) -> str:
    """Bytes in words."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"

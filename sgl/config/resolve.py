"""Every "auto" decided once, with the reason as text. Pure: (wishes, model, device) -> decisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.compute import choose_compute, choose_gpu, compute_refusals
from sgl.config.defaults import CPU_MEMORY_FRACTION, PAGE_SIZE, defaults_of
from sgl.config.engine import DTypeName, EngineConfig, ResolvedConfig
from sgl.config.held import multiplies_bytes, saved_bytes
from sgl.config.layout.count import parameter_count
from sgl.config.model import ModelConfig
from sgl.config.packing import Packing, packing_bytes
from sgl.config.quantized.told import NOT_QUANTISED, told_quantisation
from sgl.config.reason import Reason
from sgl.config.sizes import gib
from sgl.device import DeviceInfo
from sgl.errors import UsageError
from sgl.gpu import NO_GPU, Accelerator, GpuInfo

QUEUE_FACTOR: Final = 4
MIN_QUEUE: Final = 256


def resolve(
    config: EngineConfig, model: ModelConfig, device: DeviceInfo, accelerator: Accelerator = NO_GPU
) -> ResolvedConfig:
    """Decides what was left open.

    Args:
        device: The CPU, which feeds a GPU where there is one.
        accelerator: What there is beside it.

    Raises:
        UsageError: A wish contradicts the model, the device or another wish.
    """
    for error in refusals(config, model, device, accelerator):
        raise error
    return decide(config, model, device, accelerator)[0]


def refusals(
    config: EngineConfig, model: ModelConfig, device: DeviceInfo, accelerator: Accelerator = NO_GPU
) -> Iterator[UsageError]:
    """Yields every wish that cannot be granted."""
    if config.tp_size != 1:
        yield UsageError(f"--tp {config.tp_size}: tensor parallelism is not in this version; use --tp 1")
    yield from beyond_model(config, model)
    yield from beyond_machine(config, model, device, accelerator)


def beyond_machine(
    config: EngineConfig, model: ModelConfig, device: DeviceInfo, accelerator: Accelerator
) -> Iterator[UsageError]:
    """Yields every wish that this machine cannot grant, though another could."""
    dtype, _ = _dtype(config, model, device, choose_gpu(config, accelerator)[0])
    yield from compute_refusals(config, model, dtype, accelerator)


def beyond_model(config: EngineConfig, model: ModelConfig) -> Iterator[UsageError]:
    """Yields every wish that this model cannot grant, though another could."""
    longest = longest_context(model)
    if config.max_model_len is not None and config.max_model_len > longest:
        stretched = "" if longest == model.max_position else ", its rope scaling included"
        yield UsageError(
            f"--max-model-len {config.max_model_len} is beyond the {longest} positions this model has{stretched}"
        )


def longest_context(model: ModelConfig) -> int:
    """Tokens that ``--max-model-len`` may ask for: those of config.json, or more where rope scaling reaches further."""
    return max(model.max_position, 0 if model.rope is None else model.rope.reach)


def decide(
    config: EngineConfig, model: ModelConfig, device: DeviceInfo, accelerator: Accelerator = NO_GPU
) -> tuple[ResolvedConfig, tuple[Reason, ...]]:
    """Decides what was left open and says why; wishes stand as they are, even those that `refusals` refuses.

    Only a GPU that is not there cannot be decided for: the CPU takes its place.
    """
    reasons: list[Reason] = []

    def because(name: str, value: object, why: str) -> None:
        if getattr(config, name) is None:
            reasons.append(Reason(name, value, why))

    gpu, _ = choose_gpu(config, accelerator)
    defaults = defaults_of(model, device, gpu)
    dtype, why = _dtype(config, model, device, gpu)
    reasons.append(Reason("dtype", dtype, why))
    reasons.append(told_quantisation(model, dtype, gpu))
    kv_cache_dtype = config.kv_cache_dtype or dtype
    because("kv_cache_dtype", kv_cache_dtype, "it is the type of --dtype")
    max_model_len = config.max_model_len or model.max_position
    because("max_model_len", max_model_len, _context(model))
    reasons += _stretched(model, max_model_len)
    page_size = config.page_size or PAGE_SIZE
    because("page_size", page_size, "it shares prefixes finely at a small page table")
    running = config.max_running_requests or defaults.running.value
    because("max_running_requests", running, defaults.running.because)
    queued = config.max_queued_requests or max(MIN_QUEUE, QUEUE_FACTOR * running)
    because("max_queued_requests", queued, f"it is {QUEUE_FACTOR} for each running one, and at least {MIN_QUEUE}")
    chunk = config.chunked_prefill_size or defaults.chunk.value
    because("chunked_prefill_size", chunk, defaults.chunk.because)
    compute = choose_compute(config, model, dtype, running, accelerator)
    reasons += compute.reasons
    threads = config.threads or defaults.threads.value
    because("threads", threads, defaults.threads.because)
    fraction = config.mem_fraction_static or defaults.fraction
    if config.max_total_tokens is None:
        because("mem_fraction_static", fraction, defaults.fraction_because)
    resolved = ResolvedConfig(
        model_path=config.model_path,
        dtype=dtype,
        quantization=NOT_QUANTISED if model.quantization is None else str(model.quantization),
        kv_cache_dtype=kv_cache_dtype,
        load_format=config.load_format,
        max_model_len=max_model_len,
        page_size=page_size,
        max_total_tokens=config.max_total_tokens,
        mem_fraction_static=fraction,
        max_running_requests=running,
        max_queued_requests=queued,
        chunked_prefill_size=chunk,
        schedule_policy=config.schedule_policy,
        radix_cache=config.radix_cache,
        deterministic=config.deterministic,
        speculative=config.speculative,
        draft_tokens=config.draft_tokens,
        overlap=config.overlap,
        device=compute.device,
        attention_backend=compute.attention,
        cuda_graph_max_bs=compute.largest_graph,
        capability=0 if gpu is None else gpu.capability,
        multiprocessors=0 if gpu is None else gpu.multiprocessors,
        threads=threads,
        seed=config.seed,
        reasons=tuple(map(str, reasons)),
    )
    return resolved, tuple(reasons)


def _context(model: ModelConfig) -> str:
    longest, why = longest_context(model), "config.json's max_position_embeddings says so"
    # Of linear scaling nobody says whether max_position_embeddings counts it already, so more is allowed, not proposed.
    if longest > model.max_position and model.rope is not None and model.rope.kind != "linear":
        why += f"; with rope scaling it reaches --max-model-len {longest}"
    return why


def _stretched(model: ModelConfig, max_model_len: int) -> Iterator[Reason]:
    """Says it when frequencies are not those of the original context, because shorter prompts meet them, too."""
    rope = model.rope
    if rope is not None and rope.depends_on(max_model_len):
        original = rope.original_max_position
        why = (
            f"--max-model-len is beyond the original {original}; all prompts get them, so that they can share prefixes"
        )
        yield Reason("rope", f"{rope.kind} frequencies of long contexts", f"{why}; {original} or less gives the others")


def _dtype(config: EngineConfig, model: ModelConfig, device: DeviceInfo, gpu: GpuInfo | None) -> tuple[DTypeName, str]:
    if config.dtype is not None:
        return config.dtype, "it was asked for"
    stored = model.checkpoint_dtype
    if stored not in ("bfloat16", "float16"):
        return "float32", f"the checkpoint is {stored or 'float32'}"
    if gpu is not None:
        return ("bfloat16" if stored == "bfloat16" else "float16"), f"the checkpoint is {stored}"
    if stored == "bfloat16" and device.fast_bfloat16:
        return "bfloat16", "the checkpoint is bfloat16 and this CPU computes it in hardware"
    wide_bytes = wide_weight_bytes(model, device, deterministic=config.deterministic)
    if wide_bytes <= device.available_bytes * CPU_MEMORY_FRACTION:
        return "float32", f"this CPU multiplies float32 faster than {stored} and {gib(wide_bytes)} of weights fit"
    return ("bfloat16" if stored == "bfloat16" else "float16"), (
        f"float32 weights ({gib(wide_bytes)}) do not fit in half of {gib(device.available_bytes)}"
    )


def wide_weight_bytes(model: ModelConfig, device: DeviceInfo, *, deterministic: bool) -> int:
    """Bytes of the weights in float32 as this CPU holds them."""
    packing = Packing.of(4, device.instructions, deterministic=deterministic)
    exact = multiplies_bytes(device.instructions)
    return 4 * parameter_count(model) + packing_bytes(model, 4, packing, exact=exact) - saved_bytes(model, 4)

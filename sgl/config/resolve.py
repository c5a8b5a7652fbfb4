"""Every "auto" decided once, with the reason as text. Pure: (wishes, model, device) -> decisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sgl.config.engine import DTypeName, EngineConfig, ResolvedConfig
from sgl.config.held import multiplies_bytes, quantised_products, saved_bytes
from sgl.config.layout.count import parameter_count
from sgl.config.model import ModelConfig
from sgl.config.packing import Packing, packing_bytes
from sgl.config.quantized.tensors import MXFP4_BLOCK, mxfp4_elements
from sgl.config.sizes import ELEMENT_BYTES, gib
from sgl.device import DeviceInfo
from sgl.errors import UsageError

PAGE_SIZE: Final = 16
CPU_CHUNK: Final = 512
CPU_RUNNING: Final = 64
CPU_MEMORY_FRACTION: Final = 0.5
"""Share of the machine's memory for weights and KV pool on a CPU, where other programs live too."""
QUEUE_FACTOR: Final = 4
MIN_QUEUE: Final = 256
NOT_QUANTISED: Final = "none"
ONE_THREAD_BELOW: Final = 4_000_000
"""Parameters under which a second thread costs more in barriers than it computes."""


class Reason(NamedTuple):
    """Why an "auto" became what it is; ``name`` is the field of `EngineConfig`."""

    name: str
    value: object
    because: str

    def __str__(self) -> str:
        return f"{self.name}: {self.value}, because {self.because}"


def resolve(config: EngineConfig, model: ModelConfig, device: DeviceInfo) -> ResolvedConfig:
    """Decides what was left open.

    Raises:
        UsageError: A wish contradicts the model, the device or another wish.
    """
    for error in refusals(config, model):
        raise error
    return decide(config, model, device)[0]


def refusals(config: EngineConfig, model: ModelConfig) -> Iterator[UsageError]:
    """Yields every wish that cannot be granted."""
    if config.tp_size != 1:
        yield UsageError(f"--tp {config.tp_size}: tensor parallelism is not in this version; use --tp 1")
    yield from beyond_model(config, model)


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


def decide(config: EngineConfig, model: ModelConfig, device: DeviceInfo) -> tuple[ResolvedConfig, tuple[Reason, ...]]:
    """Decides what was left open and says why; wishes stand as they are, even those that `refusals` refuses."""
    reasons: list[Reason] = []

    def because(name: str, value: object, why: str) -> None:
        if getattr(config, name) is None:
            reasons.append(Reason(name, value, why))

    dtype, why = _dtype(config, model, device)
    reasons.append(Reason("dtype", dtype, why))
    reasons += _quantised(model, dtype)
    kv_cache_dtype = config.kv_cache_dtype or dtype
    because("kv_cache_dtype", kv_cache_dtype, "it is the type of --dtype")
    max_model_len = config.max_model_len or model.max_position
    because("max_model_len", max_model_len, _context(model))
    reasons += _stretched(model, max_model_len)
    page_size = config.page_size or PAGE_SIZE
    because("page_size", page_size, "it shares prefixes finely at a small page table")
    running = config.max_running_requests or CPU_RUNNING
    because("max_running_requests", running, "a CPU gains nothing from larger batches")
    queued = config.max_queued_requests or max(MIN_QUEUE, QUEUE_FACTOR * running)
    because("max_queued_requests", queued, f"it is {QUEUE_FACTOR} for each running one, and at least {MIN_QUEUE}")
    chunk = config.chunked_prefill_size or CPU_CHUNK
    because("chunked_prefill_size", chunk, "a CPU's matrix products are at full speed from there")
    threads = config.threads or (1 if parameter_count(model) < ONE_THREAD_BELOW else device.cores)
    small = threads < device.cores
    because("threads", threads, "the model is too small to share out" if small else "it is every core")
    fraction = config.mem_fraction_static or CPU_MEMORY_FRACTION
    if config.max_total_tokens is None:
        because("mem_fraction_static", fraction, "the other half of the memory is for other programs")
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
        device=device.name,
        threads=threads,
        seed=config.seed,
        reasons=tuple(map(str, reasons)),
    )
    return resolved, tuple(reasons)


def _quantised(model: ModelConfig, dtype: DTypeName) -> Iterator[Reason]:
    """Says how the checkpoint is quantised, and what that comes to here."""
    scheme = model.quantization
    if scheme is None:
        yield Reason("quantization", NOT_QUANTISED, "the checkpoint is not quantised")
        return
    whys = ["--quantization asks for it" if scheme.at_load else "config.json says so", *scheme.notes]
    if scheme.method == "fp8":
        count = sum(outputs * inputs for outputs, inputs, _ in quantised_products(model))
        sizes = f"{gib(count * ELEMENT_BYTES[dtype])} instead of {gib(count)}"
        whys.append(f"this CPU does not multiply FP8, so weights are expanded to {dtype}, {sizes}")
    if scheme.method == "mxfp4":
        count = mxfp4_elements(model)
        sizes = f"{gib(count * ELEMENT_BYTES[dtype])} instead of {gib(count // 2 + count // MXFP4_BLOCK)}"
        whys.append(f"this CPU does not multiply MXFP4, so experts are expanded to {dtype}, {sizes}")
    whys += _not_packed(model)
    yield Reason("quantization", scheme, "; ".join(whys))


def _not_packed(model: ModelConfig) -> Iterator[str]:
    """Says it when matrices are held in the type of activations although they are stored or wanted in 4 or 8 bits."""
    if model.quantization is None or model.quantization.method in ("fp8", "mxfp4"):
        return
    kinds = [holding.kind for _, _, holding in quantised_products(model)]
    plain = kinds.count("expanded")
    if plain:
        yield (
            f"{plain} of {len(kinds)} products are held in the compute type all the same: they are small, or "
            "their widths or groups are none that the 4-bit kernel takes"
        )


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


def _dtype(config: EngineConfig, model: ModelConfig, device: DeviceInfo) -> tuple[DTypeName, str]:
    if config.dtype is not None:
        return config.dtype, "it was asked for"
    stored = model.checkpoint_dtype
    if stored not in ("bfloat16", "float16"):
        return "float32", f"the checkpoint is {stored or 'float32'}"
    if device.name == "cuda":
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

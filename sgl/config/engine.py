"""What an engine was asked to be (`EngineConfig`) and what it turned out to be (`ResolvedConfig`).

``None`` in `EngineConfig` means "auto". `sgl.config.resolve` decides every auto once, inside the engine
process where the device is known, and keeps the reason as text. Both are frozen: nothing changes later.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sgl.config.at_load import Wish
from sgl.config.devices import AttentionName, DeviceName
from sgl.config.kv import KvStorage

DTypeName = Literal["bfloat16", "float16", "float32"]
LoadFormat = Literal["safetensors", "dummy"]
Policy = Literal["fcfs", "lpm"]
Speculative = Literal["ngram"]


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user's wishes. Crosses the process boundary as JSON.

    Attributes:
        model_path: Local folder with config.json; a repository id is resolved before.
        dtype: Compute type of weights and activations; None follows the checkpoint and the device.
        quantization: How weights are quantised at load, or are in the checkpoint; None is as they are there.
        kv_cache_dtype: Type of the KV cache; None is the compute type.
        load_format: ``dummy`` draws seeded random weights and reads only config.json.
        max_model_len: Most tokens of prompt and output together; None is the model's own limit.
        page_size: Tokens per KV page.
        max_total_tokens: Size of the KV pool in tokens; None sizes it from memory.
        mem_fraction_static: Share of the device's memory for weights and KV pool together.
        max_running_requests: Most requests computed at once.
        max_queued_requests: Most requests waiting before new ones are refused with 503.
        chunked_prefill_size: Token budget of one step; prompts longer than it are split.
        schedule_policy: Order of the waiting queue: arrival, or longest cached prefix first.
        radix_cache: Whether prompts share computed prefixes.
        deterministic: Same logits bit for bit whatever the batch, chunk or cache hit, at a cost.
        speculative: How following tokens are guessed: ``ngram`` copies from the text so far; None is off.
        draft_tokens: Most guesses per request and step.
        overlap: Whether a step is launched while the one before it is in flight, where the device allows it.
        tp_size: Tensor-parallel ranks; only 1 is implemented.
        device: Where to compute; None takes a GPU where one can be used.
        attention_backend: Whose kernels compute attention; None chooses by device and model.
        cuda_graphs: Whether decode steps on a GPU are captured as CUDA graphs.
        cuda_graph_max_bs: Largest batch of which one is captured; 0 is none, None chooses.
        threads: Compute threads; None chooses.
        seed: Seed of dummy weights.
    """

    model_path: str
    dtype: DTypeName | None = None
    quantization: Wish | None = None
    kv_cache_dtype: KvStorage | None = None
    load_format: LoadFormat = "safetensors"
    max_model_len: int | None = None
    page_size: int | None = None
    max_total_tokens: int | None = None
    mem_fraction_static: float | None = None
    max_running_requests: int | None = None
    max_queued_requests: int | None = None
    chunked_prefill_size: int | None = None
    schedule_policy: Policy = "fcfs"
    radix_cache: bool = True
    deterministic: bool = False
    speculative: Speculative | None = None
    draft_tokens: int = 4
    overlap: bool = True
    tp_size: int = 1
    device: DeviceName | None = None
    attention_backend: AttentionName | None = None
    cuda_graphs: bool = True
    cuda_graph_max_bs: int | None = None
    threads: int | None = None
    seed: int = 0
    log_level: str = "info"


class ResolvedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`EngineConfig` with every auto decided. ``reasons`` has one "name: value, because ..." each.

    The KV pool's size is decided later, from what the weights leave free, by `sgl.plan.memory`.

    Attributes:
        cuda_graph_max_bs: 0 is without graphs.
        capability: Compute capability of the GPU, 90 for sm_90; 0 on a CPU.
        multiprocessors: Of the GPU; 0 on a CPU, and where it is only planned for.
    """

    model_path: str
    dtype: DTypeName
    quantization: str
    kv_cache_dtype: DTypeName | KvStorage
    load_format: LoadFormat
    max_model_len: int
    page_size: int
    max_total_tokens: int | None
    mem_fraction_static: float
    max_running_requests: int
    max_queued_requests: int
    chunked_prefill_size: int
    schedule_policy: Policy
    radix_cache: bool
    deterministic: bool
    speculative: Speculative | None
    draft_tokens: int
    overlap: bool
    device: DeviceName
    attention_backend: AttentionName
    cuda_graph_max_bs: int
    capability: int
    multiprocessors: int
    threads: int
    seed: int
    reasons: tuple[str, ...] = ()

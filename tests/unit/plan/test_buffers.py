"""What the engine for GPUs makes once is what is planned, to the byte; made on a device that has no memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from sgl.attention.flashinfer import FlashInferAttention
from sgl.attention.flashinfer_latent import FlashInferLatentAttention
from sgl.attention.triton_latent import TritonLatentAttention
from sgl.config.devices import AttentionName
from sgl.config.engine import EngineConfig, ResolvedConfig
from sgl.config.flashinfer import PLAN_BYTES
from sgl.config.graphs import capture_sizes
from sgl.config.model import ModelConfig
from sgl.config.resolve import resolve
from sgl.config.splits import latent_rows
from sgl.device import DeviceInfo
from sgl.engine.gpu.attention import GpuAttention
from sgl.engine.gpu.graphs import Decoded
from sgl.engine.gpu.inputs import DeviceInputs
from sgl.gpu import Accelerator, GpuInfo, Package
from sgl.kernels.triton import latent_decode
from sgl.kernels.triton.latent import latent_tiles
from sgl.kvcache.cache import PrefixCache
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.pool import KVPool
from sgl.plan.buffers import buffer_bytes, later_buffers, measured_buffers
from sgl.plan.demand import Demand, demand
from sgl.plan.memory import plan_memory
from sgl.plan.place import cpu_place, gpu_place
from sgl.sampling.device import DeviceSampler
from tests.unit.attention.fake_flashinfer import install
from tests.unit.plan.checkpoints import model_of

META: Final = torch.device("meta")
MACHINE: Final = DeviceInfo("cpu", 4, 32 * 2**30, 32 * 2**30, frozenset())
GPU: Final = GpuInfo(
    name="a GPU", memory_bytes=80 * 2**30, available_bytes=79 * 2**30, capability=90, multiprocessors=132
)
FLASHINFER: Final = Accelerator(gpu=GPU, problem="", remedy="", triton=Package("3.6.0"), flashinfer=Package("0.6.6"))
PAGES: Final = 4000
MODELS: Final = {
    "heads": model_of("qwen2", num_attention_heads=8, hidden_size=512),
    "vectors": model_of("deepseek-v3", kv_lora_rank=512, qk_rope_head_dim=64),
}


def decided(name: str, **options: Any) -> tuple[ModelConfig, ResolvedConfig, Demand]:
    model = MODELS[name]
    wishes = {
        "page_size": 16,
        "max_running_requests": 40,
        "cuda_graph_max_bs": 24,
        "chunked_prefill_size": 300,
        "dtype": "bfloat16",
        **options,
    }
    resolved = resolve(EngineConfig(model_path="m", **wishes), model, MACHINE, FLASHINFER)
    return model, resolved, demand(resolved, model, gpu_place(GPU))


def tensors(item: object, *skipped: object) -> Iterator[Tensor]:
    """Those below an object that are not on the host."""
    stack, seen = [item], {id(each) for each in skipped}
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Tensor):
            if each.device == META:
                yield each
        elif isinstance(each, dict):
            stack += each.values()
        elif isinstance(each, (list, tuple)):
            stack += each
        else:
            slots = getattr(type(each), "__slots__", ())
            stack += [getattr(each, name) for name in slots if hasattr(each, name)]
            stack += vars(each).values() if hasattr(each, "__dict__") else ()


def bytes_of(*items: object, skipped: tuple[object, ...] = ()) -> int:
    """Each storage once."""
    found = {
        each.untyped_storage()._cdata: each.untyped_storage().nbytes()
        for item in items
        for each in tensors(item, *skipped)
    }
    return sum(found.values())


def histories(resolved: ResolvedConfig, model: ModelConfig) -> int:
    """What a sampler takes from the start."""
    return DeviceSampler(model.vocab_size, "cpu", penalised=resolved.max_running_requests)._histories.lines.nbytes


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_there_when_a_pool_is_sized(name: str, deterministic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of our kernels; tiles are those of a GPU."""
    monkeypatch.setattr(TritonLatentAttention, "warm_up", lambda self, dtype: None)
    monkeypatch.setattr(latent_decode, "latent_tiles", lambda heads, kind: latent_tiles(heads, kind, interpreted=False))
    model, resolved, planned = decided(name, deterministic=deterministic)
    assert resolved.attention_backend == "triton"
    backend = GpuAttention(model, resolved, torch.bfloat16, None, META).make(PAGES)
    found = bytes_of(backend, skipped=(backend.pool,)) + histories(resolved, model)
    assert found == measured_buffers(planned) > 2**18


@pytest.mark.parametrize("largest", [0, 24, 48])
def test_what_is_made_behind_the_pool(largest: int) -> None:
    model, resolved, planned = decided("heads", cuda_graph_max_bs=largest)
    assert later_buffers(planned) == bytes_of(*made(model, resolved, PAGES))


def made(model: ModelConfig, resolved: ResolvedConfig, pages: int) -> tuple[object, ...]:
    """As `sgl.engine.gpu.build.assemble` makes it."""
    running, largest = resolved.max_running_requests, resolved.cuda_graph_max_bs
    plan = replace(plan_memory(demand(resolved, model, gpu_place(GPU))), pages=pages)
    cache = PrefixCache(pages, resolved.page_size, running, plan.max_request_tokens)
    sequences = max(running, largest)
    tokens = max(resolved.chunked_prefill_size, sequences)
    inputs = DeviceInputs(cache.rows, sequences=sequences, tokens=tokens, device=META)
    return (inputs, *((Decoded.room(largest, model.vocab_size, META),) if largest else ()))


@pytest.mark.parametrize("name", MODELS)
def test_flashinfer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its wrappers take room for plans that the fake ones here do not, unless it is replaced."""
    install(monkeypatch)
    monkeypatch.setattr(FlashInferAttention, "warm_up", lambda self: None)
    monkeypatch.setattr(FlashInferLatentAttention, "warm_up", lambda self: None)
    backend: AttentionName = "flashinfer"
    model, resolved, planned = decided(name, attention_backend=backend)
    attention: Any = GpuAttention(model, resolved, torch.bfloat16, None, META).make(PAGES)
    assert isinstance(attention.pool, (KVPool, LatentPool))
    windows, sizes = set(model.windows), capture_sizes(resolved.cuda_graph_max_bs)
    if name == "heads":
        for window in windows:
            attention._captured_wrapper(3, window)
        wrappers = 2 * len(windows)
    else:
        wrappers = 1 + len(sizes)
    kept = bytes_of(attention, skipped=(attention.pool,)) + wrappers * PLAN_BYTES
    expected = buffer_bytes(planned) - bytes_of(*made(model, resolved, PAGES)) - histories(resolved, model)
    assert kept == expected


def test_the_rule_of_tiles_is_that_of_the_kernel() -> None:
    for heads in (8, 16, 17, 128):
        assert latent_tiles(heads, None, interpreted=False).rows == latent_rows(heads, coded=False)
        assert latent_tiles(heads, "int8", interpreted=False).rows == latent_rows(heads, coded=True)


def test_a_cpu_makes_nothing_for_the_largest_step() -> None:
    _, _, planned = decided("heads")
    assert buffer_bytes(replace(planned, place=cpu_place(MACHINE))) == 0
    assert plan_memory(planned).buffer_bytes == buffer_bytes(planned)

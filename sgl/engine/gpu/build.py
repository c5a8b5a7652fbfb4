"""From loaded weights to a runner on a GPU: a measured step, the KV pool, CUDA graphs, in that order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Final

import torch

from sgl.batch.context import ForwardContext
from sgl.batch.paged import PagedBatch
from sgl.config.engine import ResolvedConfig
from sgl.engine.assembled import Assembled
from sgl.engine.gpu.attention import GpuAttention
from sgl.engine.gpu.graphs import CudaRecorder, Decoded, DecodeGraphs, NoRecorder, ladder
from sgl.engine.gpu.inputs import DeviceInputs
from sgl.engine.gpu.runner import DecoderModel, Forward, GpuRunner, PagedBackend
from sgl.engine.memory import CudaMemory, guarded, measure
from sgl.engine.runner import LOGIT_ROWS
from sgl.kernels.products import Products
from sgl.kernels.triton.fused import TritonKernels
from sgl.kernels.triton.product import dense_product, fp8_product, int4_product, int8_group_product, int8_product
from sgl.kvcache.cache import PrefixCache
from sgl.plan.demand import Demand
from sgl.plan.measured import measured_plan
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.remedies import shortage_error
from sgl.plan.running_out import Stage
from sgl.protocol.messages import Phase
from sgl.sampling.device import DeviceSampler
from sgl.weights.slot import Placement

Report = Callable[[Phase], None]

PRODUCTS: Final = Products(dense_product, int8_product, int4_product, int8_group_product, fp8_product)
"""How a GPU multiplies."""


def on_gpu(place: Placement, resolved: ResolvedConfig) -> Placement:
    """Where layers are made, with the kernels that they call."""
    return replace(
        place,
        device=torch.device(resolved.device),
        products=PRODUCTS,
        fused=TritonKernels(dependent=True, deterministic=resolved.deterministic),
    )


@torch.inference_mode()
def assemble(
    model: DecoderModel, demand: Demand, resolved: ResolvedConfig, attention: GpuAttention, report: Report
) -> Assembled:
    """Sizes everything by measurement, and captures decode steps.

    Raises:
        OutOfMemory: With flags that fit.
        StartupError: What the weights leave free holds no useful pool.
    """
    device, vocabulary = attention.device, demand.model.vocab_size
    with _guarded("step", demand, device):
        sampler = DeviceSampler(vocabulary, device, penalised=demand.running)
    plan = _measured(model, demand, resolved, attention, sampler, report)
    error = shortage_error(plan)
    if error is not None:
        raise error
    running, largest = resolved.max_running_requests, resolved.cuda_graph_max_bs
    cache = PrefixCache(plan.pages, resolved.page_size, running, plan.max_request_tokens, radix=resolved.radix_cache)
    sequences = max(running, largest)
    tokens = max(resolved.chunked_prefill_size, sequences)
    with _guarded("pool", demand, device):
        backend = attention.make(plan.pages)
        inputs = DeviceInputs(cache.rows, sequences=sequences, tokens=tokens, device=device)
    forward = Forward(model, backend, inputs)
    graphs = None
    if largest:
        with _timed(report, "cuda_graphs", f"batches of up to {largest}"), _guarded("graphs", demand, device):
            recorder = CudaRecorder(device) if device.type == "cuda" else NoRecorder()
            room = Decoded.room(largest, vocabulary, device)
            graphs = DecodeGraphs(ladder(largest), forward.decode, room, recorder, forward.prepare_capture)
    runner = GpuRunner(forward, inputs, sampler, graphs, overlaps=resolved.overlap, device=device)
    return Assembled(runner, cache, plan, backend.pool.bytes_total)


def _measured(
    model: DecoderModel,
    demand: Demand,
    resolved: ResolvedConfig,
    attention: GpuAttention,
    sampler: DeviceSampler,
    report: Report,
) -> MemoryPlan:
    """The plan with the pages that a measured step leaves room for; where kernels are interpreted, as planned."""
    device = attention.device
    if device.type != "cuda":
        return plan_memory(demand)
    memory = CudaMemory()
    with guarded("step", demand, memory):
        # FlashInfer may compile for minutes here, once for a machine.
        compiles = resolved.attention_backend == "flashinfer"
        with _timed(report, "attention", "FlashInfer's kernels") if compiles else nullcontext():
            backend = attention.make(1)
        # Triton compiles most of what there is to compile here.
        with _timed(report, "kernels", "compiled once for a machine"):
            measured = measure(memory, lambda: _largest_step(model, demand, backend, sampler, device))
    return measured_plan(demand, measured)


def _largest_step(
    model: DecoderModel,
    demand: Demand,
    backend: PagedBackend,
    sampler: DeviceSampler,
    device: torch.device,
) -> None:
    """A prompt of as many tokens as a step computes, none of which is kept, and logits of as many as are drawn.

    Or of as many as are scored together, where those are more.
    """
    tokens = max(demand.chunk, demand.running)
    batch = PagedBatch.padding((tokens,), device)
    zeros = torch.zeros(tokens, dtype=torch.int64, device=device)
    hidden = model.forward(ForwardContext(zeros, zeros, backend.plan(batch)))
    drawn = max(demand.drawn_rows, LOGIT_ROWS)
    logits = model.logits(hidden[: min(tokens, drawn)])
    sampler.fill(logits, demand.running)
    sampler.warm_up(logits.dtype)
    del hidden, logits


@contextmanager
def _timed(report: Report, name: str, detail: str) -> Iterator[None]:
    begun = time.monotonic()
    report(Phase(name, detail))
    yield
    report(Phase(name, detail, time.monotonic() - begun))


def _guarded(stage: Stage, demand: Demand, device: torch.device) -> AbstractContextManager[None]:
    """Where there is a GPU's memory to run out of."""
    return guarded(stage, demand, CudaMemory()) if device.type == "cuda" else nullcontext()

"""What cannot be counted before a run, estimated: one step's tensors, and what the runtime takes for itself.

The CPU's figures were compared with the peak of real processes (tests/unit/plan/test_estimates.py). The GPU's come
from the sources beside them; they were not run on a GPU.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.graphs import capture_sizes
from sgl.config.packing import UPCAST_FROM_ROWS
from sgl.plan.attention import attention_bytes, gathered_bytes
from sgl.plan.demand import Demand
from sgl.plan.feed_forward import feed_forward_bytes, inner_widths

MIB: Final = 2**20
CPU_RUNTIME: Final = 384 * MIB
"""Measured: 160 MiB for interpreter and torch, 40 MiB of oneDNN's compiled kernels, and up to 250 MiB of heap that
glibc keeps beyond live tensors after 64 requests at once."""
EXPERT_KERNELS: Final = 64 * MIB
"""Measured: oneDNN's compiled products take some 0.5 MiB for each of 64 counts of rows (`sgl.layers.experts`) and each
of an expert's two products."""
CUDA_CONTEXT: Final = 512 * MIB
"""Context, cuBLAS workspaces and loaded kernels: NVIDIA's tools show 0.4 to 0.6 GiB for an idle torch process."""
GRAPH_LAYER: Final = MIB // 4
"""Of one captured graph, per layer; from vLLM's start-up logs (some 0.6 GiB for 67 sizes of a model of 32 layers)."""
NCCL_RANK: Final = 128 * MIB
"""Communication buffers per rank of the group: SGLang's server_args reserves 1024 MiB for 8 ranks."""
CUBLAS: Final = 32 * MIB
"""Workspace of cuBLAS in the stream that captures; torch takes as much from Hopper on, and less before."""
FRAGMENTATION: Final = 0.02
"""Share of a GPU that the caching allocator cannot use; between vLLM's and SGLang's margins."""
LOGIT_COPIES: Final = 3
"""Float32 logits, the adjusted copy, and their weights while a token is drawn."""


def activation_bytes(demand: Demand) -> int:
    """Peak of one step's intermediate tensors on one rank."""
    model = demand.model
    step = _step_bytes(demand, demand.chunk)
    logits = LOGIT_COPIES * demand.drawn_rows * model.vocab_size * 4
    return step + gathered_bytes(demand) + logits + _upcast_bytes(demand)


def graph_bytes(demand: Demand) -> int:
    """What CUDA graphs of all captured batch sizes take: each of them, and one step's tensors, which all share."""
    sizes = capture_sizes(demand.largest_graph)
    if not sizes:
        return 0
    logits = demand.largest_graph * demand.model.vocab_size * demand.element_bytes
    return len(sizes) * demand.model.num_layers * GRAPH_LAYER + _step_bytes(demand, sizes[-1]) + logits + CUBLAS


def runtime_bytes(demand: Demand) -> int:
    """What is taken beside weights, KV pool, activations and graphs on one rank."""
    tables = _rope_bytes(demand)
    if demand.place.kind == "cpu":
        return CPU_RUNTIME + tables + (0 if demand.model.experts is None else EXPERT_KERNELS)
    nccl = NCCL_RANK * demand.tp if demand.tp > 1 else 0
    return CUDA_CONTEXT + tables + nccl + fragment_bytes(demand.place.memory_bytes)


def _step_bytes(demand: Demand, tokens: int) -> int:
    """Of a step of so many tokens, from the embedding to the last layer."""
    model = demand.model
    feed_forward = feed_forward_bytes(model, tokens, demand.element_bytes, demand.tp, demand.place.kind)
    attention = attention_bytes(replace(demand, chunk=tokens))
    return tokens * 3 * model.hidden_size * demand.element_bytes + max(attention, feed_forward)


def fragment_bytes(memory_bytes: int) -> int:
    """What a GPU of this size loses to fragments."""
    return int(FRAGMENTATION * memory_bytes)


def _rope_bytes(demand: Demand) -> int:
    """Cosines and sines of every position and pair, float32, for each rope that layers share."""
    model = demand.model
    width = model.head_dim if model.latent is None else model.latent.rope_dim
    ropes = [rope for rope in (model.rope, model.local_rope) if rope is not None]
    return sum(2 * 4 * demand.max_model_len * (rope.dim or width) // 2 for rope in ropes)


def _upcast_bytes(demand: Demand) -> int:
    """A bfloat16 weight as it is unpacked and widened for many rows, on a CPU without AMX (`sgl.kernels.matmul`)."""
    place, model = demand.place, demand.model
    if place.kind != "cpu" or demand.element_bytes == 4 or demand.float16 or "amx_tile" in place.instructions:
        return 0
    widest = 2 * max(inner_widths(model, demand.tp)) * model.hidden_size
    if demand.running >= UPCAST_FROM_ROWS:
        widest = max(widest, -(-model.vocab_size // demand.tp) * model.hidden_size)
    return widest * (2 + 4)

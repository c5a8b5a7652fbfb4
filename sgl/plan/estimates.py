"""What cannot be counted before a run, estimated: one step's tensors, and what the runtime takes for itself.

The CPU's figures were compared with the peak of real processes (tests/unit/plan/test_estimates.py). The GPU's come
from the sources beside them; they were not run on a GPU.
"""

from __future__ import annotations

from typing import Final

from sgl.config.packing import UPCAST_FROM_ROWS
from sgl.plan.demand import Demand

MIB: Final = 2**20
CPU_RUNTIME: Final = 384 * MIB
"""Measured: 160 MiB for interpreter and torch, 40 MiB of oneDNN's compiled kernels, and up to 250 MiB of heap that
glibc keeps beyond live tensors after 64 requests at once."""
CUDA_CONTEXT: Final = 512 * MIB
"""Context, cuBLAS workspaces and loaded kernels: NVIDIA's tools show 0.4 to 0.6 GiB for an idle torch process."""
GRAPH_LAYER: Final = MIB // 4
"""Of one captured graph, per layer; from vLLM's start-up logs (some 0.6 GiB for 67 sizes of a model of 32 layers)."""
GRAPH_SIZES: Final = (4, 8)
"""Captured batch sizes: 1, 2, 4, then every eighth up to the most running requests."""
NCCL_RANK: Final = 128 * MIB
"""Communication buffers per rank of the group: SGLang's server_args reserves 1024 MiB for 8 ranks."""
FRAGMENTATION: Final = 0.02
"""Share of a GPU that the caching allocator cannot use; between vLLM's and SGLang's margins."""
LOGIT_COPIES: Final = 3
"""Float32 logits, the adjusted copy, and their weights while a token is drawn."""


def activation_bytes(demand: Demand) -> int:
    """Peak of one step's intermediate tensors on one rank."""
    model, tokens = demand.model, demand.chunk
    q_width = -(-model.num_heads // demand.tp) * model.head_dim
    kv_width = -(-model.num_kv_heads // demand.tp) * model.head_dim
    inner = -(-model.intermediate_size // demand.tp)
    attention = 3 * (q_width + 2 * kv_width)  # The projections, rotated, and as attention takes them.
    widest = max(attention, 3 * inner)  # gate and up, and their product.
    step = tokens * (3 * model.hidden_size + widest) * demand.element_bytes
    gathered = 2 * demand.max_model_len * kv_width * demand.kv_element_bytes
    logits = LOGIT_COPIES * demand.running * model.vocab_size * 4
    return step + gathered + logits + _upcast_bytes(demand)


def runtime_bytes(demand: Demand) -> int:
    """What is taken beside weights, KV pool and activations on one rank."""
    tables = 2 * 4 * demand.max_model_len * demand.model.head_dim  # Cosines and sines of every position.
    if demand.place.kind == "cpu":
        return CPU_RUNTIME + tables
    sizes = GRAPH_SIZES[0] + demand.running // GRAPH_SIZES[1]
    graphs = sizes * demand.model.num_layers * GRAPH_LAYER
    nccl = NCCL_RANK * demand.tp if demand.tp > 1 else 0
    return CUDA_CONTEXT + tables + graphs + nccl + int(FRAGMENTATION * demand.place.memory_bytes)


def _upcast_bytes(demand: Demand) -> int:
    """A bfloat16 weight as it is unpacked and widened for many rows, on a CPU without AMX (`sgl.kernels.matmul`)."""
    place, model = demand.place, demand.model
    if place.kind != "cpu" or demand.element_bytes == 4 or demand.float16 or "amx_tile" in place.instructions:
        return 0
    widest = 2 * -(-model.intermediate_size // demand.tp) * model.hidden_size
    if demand.running >= UPCAST_FROM_ROWS:
        widest = max(widest, -(-model.vocab_size // demand.tp) * model.hidden_size)
    return widest * (2 + 4)

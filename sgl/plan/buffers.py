"""What the engine for GPUs keeps beside weights, KV pool and graphs: made once, for the largest step there can be.

A GPU's pool is sized by measurement (`sgl.plan.measured`): what is there by then is measured, and for what comes later
the pool must leave room. A test holds both to what is allocated.
"""

from __future__ import annotations

from typing import Final

from sgl.config.flashinfer import (
    CAPTURED_PLAN_BYTES,
    LEAST_WORKSPACE,
    PLAN_BYTES,
    step_pages,
    step_sequences,
    workspace_bytes,
)
from sgl.config.graphs import capture_sizes
from sgl.config.splits import decode_splits, fixed_rows, head_blocks, latent_rows, latent_splits, split_rows
from sgl.plan.demand import Demand

FEWEST_LINES: Final = 4
"""Of the vocabulary, for what penalised requests have seen (`sgl.sampling.device_history`)."""
ENTRY, TOKEN, UPDATE, UPDATES = 5, 3, 3, 4096
"""Numbers of the block that is sent for a step: for each entry, token and new page, and pages that there is room for
(`sgl.engine.gpu.inputs`)."""
INT, LONG, FLOAT = 4, 8, 4


def buffer_bytes(demand: Demand) -> int:
    """All of it; on a CPU nothing is made for the largest step."""
    return 0 if demand.place.kind == "cpu" else measured_buffers(demand) + later_buffers(demand)


def measured_buffers(demand: Demand) -> int:
    """What is there when the pool's size is measured: the attention's workspace, and the sampler's histories."""
    lines = max(FEWEST_LINES, demand.running)
    return _workspace(demand) + INT * lines * demand.model.vocab_size


def later_buffers(demand: Demand) -> int:
    """What is made behind the pool: inputs of a step, what a captured step leaves behind, and FlashInfer's plans."""
    return _inputs(demand) + _decoded(demand) + _plans(demand)


def _workspace(demand: Demand) -> int:
    """Partial results of long sequences that are cut into splits."""
    model, largest = demand.model, demand.largest_batch
    heads, processors = -(-model.num_heads // demand.tp), demand.multiprocessors
    latent = model.latent
    kv_heads = -(-model.num_kv_heads // demand.tp)
    if demand.attention == "flashinfer":
        if latent is not None:
            return LEAST_WORKSPACE + PLAN_BYTES
        workspace = workspace_bytes(
            heads=heads,
            kv_heads=kv_heads,
            head_dim=model.head_dim,
            multiprocessors=processors,
            largest_captured=demand.largest_graph,
        )
        return workspace + 2 * len(set(model.windows)) * PLAN_BYTES
    if demand.attention == "torch":
        return 0
    width = model.head_dim if latent is None else latent.kv_rank
    if demand.deterministic:
        return FLOAT * heads * fixed_rows(largest) * (width + 2)
    if latent is not None:
        blocks = -(-heads // latent_rows(heads, coded=False))
        return FLOAT * heads * split_rows(latent_splits, largest, blocks, processors) * (width + 1)
    blocks = head_blocks(heads // kv_heads) * kv_heads
    rows = heads * split_rows(decode_splits, largest, blocks, processors)
    return FLOAT * rows * (width + 1) + INT * largest * blocks


def _inputs(demand: Demand) -> int:
    """The block that is sent, what is made of it, and the page table, twice."""
    sequences = demand.largest_batch
    tokens = max(demand.chunk, sequences)
    pages = -(-demand.max_model_len // demand.page_size)
    block = INT * (ENTRY * sequences + TOKEN * tokens + UPDATE * UPDATES)
    made = 3 * LONG * tokens + (2 * INT + LONG) * sequences + INT
    return block + made + LONG * demand.running + INT * pages * (demand.running + sequences)


def _decoded(demand: Demand) -> int:
    """Logits, the likeliest token, and whether it is one."""
    return demand.largest_graph * (FLOAT * demand.model.vocab_size + LONG + 1)


def _plans(demand: Demand) -> int:
    """FlashInfer's lengths and pages of a step, and plans of captured ones."""
    if demand.attention != "flashinfer":
        return 0
    model, largest = demand.model, demand.largest_batch
    longest, chunk = (-(-tokens // demand.page_size) for tokens in (demand.max_model_len, demand.chunk))
    pages = INT * (2 * step_sequences(largest) + 1 + step_pages(largest, longest, chunk))
    sizes = capture_sizes(demand.largest_graph)
    if model.latent is not None:
        return pages + INT * (step_sequences(largest) + 1) + len(sizes) * PLAN_BYTES
    return pages + (len(set(model.windows)) * CAPTURED_PLAN_BYTES if sizes else 0)

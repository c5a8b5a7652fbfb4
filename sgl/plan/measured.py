"""The KV pool of a GPU, sized by measurement: after the load and one step of the largest size.

`plan_memory` decides before a load whether it can fit. What a step really takes, and what other processes hold of
the GPU, is known only afterwards; the pool gets what is left then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sgl.plan.buffers import later_buffers
from sgl.plan.demand import Demand
from sgl.plan.estimates import fragment_bytes, graph_bytes
from sgl.plan.memory import Figures, MemoryPlan, plan_from


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was measured, in bytes, when the weights were loaded and nothing of a step was left.

    Attributes:
        memory_bytes: All of the device.
        free_bytes: Free now on the device, with the allocator's unused blocks given back.
        held_bytes: What tensors hold now: weights and their copies, tables, persistent buffers.
        peak_bytes: Most that the step held beyond that, sampling included.
    """

    memory_bytes: int
    free_bytes: int
    held_bytes: int
    peak_bytes: int


def measured_plan(demand: Demand, measured: Measured) -> MemoryPlan:
    """The plan with measured figures in place of estimates: what is allocated, printed, or refused.

    The pool leaves room for a step, for the graphs that are still to be captured, for the buffers that are made behind
    it and for what is lost to fragments, and with what is held now it is at most ``--mem-fraction-static`` of the
    memory. A pool that was asked for by
    ``--max-total-tokens`` keeps its size, and is short where it does not fit.
    """
    place = replace(
        demand.place,
        memory_bytes=measured.memory_bytes,
        available_bytes=measured.free_bytes + measured.held_bytes,
    )
    figures = Figures(
        weights=measured.held_bytes,
        activations=measured.peak_bytes,
        graphs=graph_bytes(demand),
        buffers=later_buffers(demand),
        runtime=fragment_bytes(measured.memory_bytes),
    )
    return plan_from(replace(demand, place=place), figures)

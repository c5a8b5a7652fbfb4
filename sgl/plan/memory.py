"""`plan_memory`: weights, KV pages, activations and what is left, for one rank."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from sgl.config.held import multiplies_bytes, order_bytes
from sgl.config.packing import Packing, packing_bytes
from sgl.config.sizes import gib
from sgl.errors import SglError, StartupError, UsageError
from sgl.plan.buffers import buffer_bytes
from sgl.plan.demand import Demand
from sgl.plan.estimates import activation_bytes, graph_bytes, runtime_bytes
from sgl.plan.weights import parameter_bytes

LARGEST_FRACTION: Final = 0.98
"""Most that a hint proposes for --mem-fraction-static."""


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """Why it does not fit: one line with the numbers, and what to change.

    Attributes:
        contradiction: No machine could do it, because two flags contradict each other.
    """

    message: str
    hint: str
    contradiction: bool = False

    def as_error(self) -> SglError:
        """The error that ends a start."""
        kind = UsageError if self.contradiction else StartupError
        return kind(self.message, hint=self.hint)


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Bytes of one rank. ``shortage`` is None when it fits; the numbers are valid either way.

    Attributes:
        weight_bytes: Parameters as the layers report them (`Layer.weight_bytes`).
        copy_bytes: What a CPU's packed layout adds: a tied head is packed beside the embedding, edges are padded.
        activation_bytes: Estimated peak of one step's intermediate tensors.
        graph_bytes: Estimated size of all CUDA graphs; 0 without.
        buffer_bytes: What an engine for GPUs makes once for the largest step (`sgl.plan.buffers`); of a pool that was
            sized by measurement, what is made behind it.
        runtime_bytes: Estimated rest: interpreter and libraries, or a CUDA context and what a GPU loses to fragments.
        page_bytes: Bytes of one KV page over all layers.
        pages: KV pages, without the padding page.
        kv_bytes: Bytes of the pool as allocated, the padding page included.
        free_bytes: What is left of the available memory; negative when that is too little.
    """

    demand: Demand
    weight_bytes: int
    copy_bytes: int
    activation_bytes: int
    graph_bytes: int
    buffer_bytes: int
    runtime_bytes: int
    page_bytes: int
    pages: int
    kv_bytes: int
    free_bytes: int
    shortage: Shortage | None

    @property
    def kv_tokens(self) -> int:
        """Tokens that the KV pool holds."""
        return self.pages * self.demand.page_size

    @property
    def max_request_tokens(self) -> int:
        """Most tokens of one request."""
        return min(self.demand.max_model_len, self.kv_tokens)

    def requests_at(self, context: int) -> int:
        """Requests of ``context`` tokens that the pool holds at once, whole pages each; at most ``running``."""
        pages_each = -(-context // self.demand.page_size)
        return min(self.demand.running, self.pages // pages_each)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Bytes that a pool has to live beside; see `MemoryPlan`."""

    weights: int
    copies: int = 0
    activations: int
    graphs: int
    buffers: int
    runtime: int

    @property
    def beside(self) -> int:
        """What neither weights nor pool may take."""
        return self.activations + self.graphs + self.buffers + self.runtime


def plan_memory(demand: Demand, *, weight_bytes: int | None = None) -> MemoryPlan:
    """Plans one rank's memory. Never raises for a shortage.

    ``max_total_tokens`` decides the pool when given. Otherwise it gets what ``fraction`` of the memory leaves beside
    the weights, as far as it is available now, but no more than every running request at full context can use.

    Args:
        weight_bytes: Bytes of one rank's parameters, when they are known from a checkpoint's headers.
    """
    place = demand.place
    if weight_bytes is None:
        weights = parameter_bytes(demand.model, demand.element_bytes, demand.tp, place.kind)
    else:
        weights = weight_bytes
    figures = Figures(
        weights=weights,
        copies=_copies(demand),
        activations=activation_bytes(demand),
        graphs=graph_bytes(demand),
        buffers=buffer_bytes(demand),
        runtime=runtime_bytes(demand),
    )
    return plan_from(demand, figures, given=weight_bytes)


def _copies(demand: Demand) -> int:
    """What is held of the weights beside the parameters: packed layouts on a CPU, the order of inputs on a GPU."""
    place = demand.place
    if place.kind == "cuda":
        return order_bytes(demand.model, demand.tp)
    packing = Packing.of(
        demand.element_bytes, place.instructions, float16=demand.float16, deterministic=demand.deterministic
    )
    exact = multiplies_bytes(place.instructions)
    return packing_bytes(demand.model, demand.element_bytes, packing, demand.tp, exact=exact)


def plan_from(demand: Demand, figures: Figures, *, given: int | None = None) -> MemoryPlan:
    """The plan that these figures come to, estimated or measured: the pool, what is left, what is short.

    Args:
        given: The weights' bytes from a checkpoint's headers, where they are from there.
    """
    place = demand.place
    held = figures.weights + figures.copies
    page = demand.kv_page_bytes
    room = place.available_bytes - held - figures.beside
    budget = min(room, int(place.memory_bytes * demand.fraction) - held)
    if demand.max_total_tokens is None:
        # One page more than requests can use: the pool's first page is padding.
        pages = max(0, min(budget // page - 1, demand.useful_pages))
    else:
        pages = demand.max_total_tokens // demand.page_size
    kv_bytes = (pages + 1) * page if pages else 0
    plan = MemoryPlan(
        demand=demand,
        weight_bytes=figures.weights,
        copy_bytes=figures.copies,
        activation_bytes=figures.activations,
        graph_bytes=figures.graphs,
        buffer_bytes=figures.buffers,
        runtime_bytes=figures.runtime,
        page_bytes=page,
        pages=pages,
        kv_bytes=kv_bytes,
        free_bytes=room - kv_bytes,
        shortage=None,
    )
    return replace(plan, shortage=_shortage(plan, given=given))


def _shortage(plan: MemoryPlan, given: int | None) -> Shortage | None:
    """What is too little for ``plan``; ``given`` are the weights' bytes from headers."""
    demand, place = plan.demand, plan.demand.place
    held = plan.weight_bytes + plan.copy_bytes
    room = plan.free_bytes + plan.kv_bytes
    fitting = max(0, room // plan.page_bytes - 1)
    if fitting < 1:
        beside = plan.activation_bytes + plan.graph_bytes + plan.buffer_bytes + plan.runtime_bytes
        return Shortage(
            message=f"the weights need {gib(held)}, a step and the runtime {gib(beside)} beside them, and only "
            f"{gib(place.available_bytes)} of memory is available",
            hint=_smaller(plan, given),
        )
    if demand.max_total_tokens is not None:
        if plan.pages < 1:
            return Shortage(
                message=f"--max-total-tokens {demand.max_total_tokens} is less than one page ({demand.page_size})",
                hint=f"use --max-total-tokens {demand.fewest_pages * demand.page_size} or more",
                contradiction=True,
            )
        if plan.free_bytes >= 0:
            return None
        return Shortage(
            message=f"--max-total-tokens {demand.max_total_tokens} needs {gib(plan.kv_bytes)} for the KV pool and "
            f"{gib(max(room, 0))} is available beside the weights",
            hint=f"use --max-total-tokens {fitting * demand.page_size}",
        )
    if plan.pages >= demand.fewest_pages:
        return None
    if fitting < demand.fewest_pages:
        return Shortage(
            message=f"{gib(room)} of memory is available beside {gib(held)} of weights, and a KV pool of "
            f"{demand.fewest_pages * demand.page_size} tokens needs {gib((demand.fewest_pages + 1) * plan.page_bytes)}",
            hint=_smaller(plan, given),
        )
    fraction = fraction_for(plan, demand.fewest_pages)
    return Shortage(
        message=f"--mem-fraction-static {demand.fraction:g} of {gib(place.memory_bytes)} leaves no room for a KV pool "
        f"beside {gib(held)} of weights",
        hint=f"use --mem-fraction-static {fraction:.2f} or a smaller model"
        if fraction <= LARGEST_FRACTION
        else _smaller(plan, given),
    )


def fraction_for(plan: MemoryPlan, pages: int) -> float:
    """The smallest ``--mem-fraction-static`` of two decimals that leaves room for ``pages``; may be above 1."""
    need = plan.weight_bytes + plan.copy_bytes + (pages + 1) * plan.page_bytes
    return ceil(100 * need / plan.demand.place.memory_bytes) / 100


def _smaller(plan: MemoryPlan, given: int | None) -> str:
    """What to do when the weights leave no room: --dtype bfloat16 is named only where it fits."""
    if plan.demand.element_bytes == 4:
        narrow = plan_memory(plan.demand.in_bfloat16(), weight_bytes=None if given is None else given // 2)
        models = "use --dtype bfloat16 or a smaller model" if narrow.shortage is None else "use a smaller model"
    else:
        models = "use a smaller model"
    return models if plan.demand.place.kind == "cuda" else f"{models}, or close other programs"

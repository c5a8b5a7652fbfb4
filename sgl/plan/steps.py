"""Single changes to a demand that takes too much: what to type, what it costs, and the demand with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from sgl.config.at_load import Made, quantize_at_load
from sgl.config.kv import KV_FORMATS
from sgl.config.packing import BFLOAT16_HARDWARE
from sgl.errors import SglError
from sgl.plan.demand import Demand
from sgl.plan.memory import LARGEST_FRACTION, MemoryPlan, fraction_for, plan_memory

SMALLEST_CONTEXT: Final = 256
"""Shorter contexts are not proposed: nobody can work with them."""
SMALLEST_CHUNK: Final = 128
"""Smaller steps are not proposed: prompts would be computed at a fraction of the speed."""
SMALLEST_GRAPHS: Final = 8
"""Graphs for fewer requests save little more."""
MOST_RANKS: Final = 64
_ROUNDED: Final[dict[Made, float]] = {"fp8": 3.2, "int4": 4.5}
"""What weights may be rounded to -> what is lost by it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A changed demand and how much the user loses by it: 0 is nothing, 10 is most of the context."""

    demand: Demand
    flag: str
    text: str
    loss: float
    available: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One way to make it fit.

    Attributes:
        flags: What to write, flag and value in one text each: ``--max-model-len 24576``.
        text: One sentence: what it costs the user.
        plan: The plan with the change; it has no shortage.
        available: Whether this version can do it.
    """

    flags: tuple[str, ...]
    text: str
    plan: MemoryPlan
    available: bool = True

    @classmethod
    def of(cls, *steps: Step) -> Change:
        """The steps made together, each of which was made from the demand of the one before."""
        return cls(
            flags=tuple(step.flag for step in steps),
            text=" ".join(step.text for step in steps),
            plan=plan_memory(steps[-1].demand),
            available=all(step.available for step in steps),
        )


Propose = Callable[[Demand], Iterator[Step]]
"""Changes of one kind, those that lose least first; whether they are enough is found out by planning."""


def advice(changes: tuple[Change, ...]) -> str:
    """What to type, on one line: ``use --chunked-prefill-size 2048 or --max-running-requests 64``."""
    if not changes:
        return "use a smaller model, or end what else takes the GPU's memory (nvidia-smi shows it)"
    return f"use {' or '.join(' '.join(change.flags) for change in changes)}"


def fits(plan: MemoryPlan) -> bool:
    """Whether nothing is short and the pool holds one request of full context."""
    return plan.shortage is None and plan.kv_tokens >= plan.demand.max_model_len


def larger_share(demand: Demand) -> Iterator[Step]:
    """A larger share of the memory: nothing is lost where nobody else needs it."""
    if demand.max_total_tokens is not None:
        return
    needed = fraction_for(plan_memory(demand), -(-demand.max_model_len // demand.page_size))
    fraction = min(needed, LARGEST_FRACTION)
    if demand.fraction < fraction:
        flag = f"--mem-fraction-static {fraction:.2f}"
        yield Step(replace(demand, fraction=fraction), flag, "Leaves less memory to other programs.", 0.0)


def fitting_pool(demand: Demand) -> Iterator[Step]:
    """As many tokens as one request needs, or as fit, when other figures were asked for."""
    if demand.max_total_tokens is None:
        return
    plan = plan_memory(demand)
    fitting = (plan.free_bytes + plan.kv_bytes) // plan.page_bytes - 1
    too_much = plan.free_bytes < 0
    pages = fitting if too_much else min(fitting, -(-demand.max_model_len // demand.page_size))
    if pages < 1 or (not too_much and pages <= plan.pages):
        return
    tokens = pages * demand.page_size
    text = "Fewer tokens are cached." if too_much else "The KV pool takes more memory."
    yield Step(replace(demand, max_total_tokens=tokens), f"--max-total-tokens {tokens}", text, 0.5)


def smaller_steps(demand: Demand) -> Iterator[Step]:
    """Smaller steps: prompts are computed a little slower."""
    for chunk in _powers_below(demand.chunk, SMALLEST_CHUNK):
        flag = f"--chunked-prefill-size {chunk}"
        loss = 1 + 0.1 * (demand.chunk / chunk - 1)
        yield Step(replace(demand, chunk=chunk), flag, "Long prompts take longer.", loss)


def fewer_requests(demand: Demand) -> Iterator[Step]:
    """Fewer requests at once."""
    for running in _powers_below(demand.running, 1):
        flag = f"--max-running-requests {running}"
        loss = 2 + 0.1 * (demand.running / running - 1)
        fewer = replace(demand, running=running, largest_graph=min(running, demand.largest_graph))
        yield Step(fewer, flag, "More requests wait for their turn.", loss)


def smaller_graphs(demand: Demand) -> Iterator[Step]:
    """CUDA graphs for small batches only."""
    for largest in _powers_below(demand.largest_graph, SMALLEST_GRAPHS):
        flag = f"--cuda-graph-max-bs {largest}"
        loss = 2.2 + 0.1 * (demand.largest_graph / largest - 1)
        text = "Larger batches are launched kernel by kernel."
        yield Step(replace(demand, largest_graph=largest), flag, text, loss)


def quantised(demand: Demand) -> Iterator[Step]:
    """Weights in fewer bits, on a GPU: rounded at load where the checkpoint is not quantised."""
    if demand.place.kind == "cpu":  # What it expands or packs is not worth a proposal.
        return
    for wish, loss in _ROUNDED.items():
        try:
            model = quantize_at_load(demand.model, wish)
        except SglError:  # Quantised already, or not of a kind that is quantised at load.
            return
        if model is not demand.model:
            text = f"Rounds the weights to {'4' if wish == 'int4' else '8'} bits."
            yield Step(replace(demand, model=model), f"--quantization {wish}", text, loss)


def bfloat16(demand: Demand) -> Iterator[Step]:
    """Half the bytes; nothing is lost when the checkpoint has no more digits."""
    if demand.element_bytes <= 2:
        return
    exact = demand.model.checkpoint_dtype == "bfloat16"
    text = "It is the checkpoint's own type" if exact else "Weights keep 8 bits of their mantissa"
    slow = demand.place.kind == "cpu" and not demand.place.instructions & BFLOAT16_HARDWARE
    text += ", which this CPU multiplies slower." if slow else "."
    yield Step(demand.in_bfloat16(), "--dtype bfloat16", text, 2.5 if exact else 4.0)


def int8_cache(demand: Demand) -> Iterator[Step]:
    """A KV cache of 8 bits."""
    if demand.kv_element_bytes > 1:
        element_bytes, scale_bytes = KV_FORMATS["int8"]
        narrow = replace(demand, kv_element_bytes=element_bytes, kv_scale_bytes=scale_bytes, kv_dtype="int8")
        yield Step(narrow, "--kv-cache-dtype int8", "Rounds the KV cache to 8 bits.", 3.0)


def more_ranks(gpus: int) -> Propose:
    """More GPUs that share the model; heads must be shared out evenly."""

    def propose(demand: Demand) -> Iterator[Step]:
        tp = 2 * demand.tp
        while demand.place.kind == "cuda" and tp <= min(gpus, MOST_RANKS) and demand.model.num_heads % tp == 0:
            text = f"Takes {tp} GPUs; not in this version."
            yield Step(replace(demand, tp=tp), f"--tp {tp}", text, 3.0 + tp, available=False)
            tp *= 2

    return propose


def shorter_context(demand: Demand) -> Iterator[Step]:
    """The longest context that fits, in round numbers."""
    low, high = 0, demand.max_model_len  # low fits or is 0, high does not.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(plan_memory(replace(demand, max_model_len=middle))) else (low, middle)
    length = pleasant(low)
    if length >= SMALLEST_CONTEXT:
        loss = 2.0 + 8.0 * (1 - length / demand.max_model_len)
        text = f"Prompt and answer together have at most {length} tokens instead of {demand.max_model_len}."
        yield Step(replace(demand, max_model_len=length), f"--max-model-len {length}", text, loss)


def pleasant(count: int) -> int:
    """The largest round number up to ``count``: whole 1024s from 4096 on, 256s from 512 on."""
    multiple = 1024 if count >= 4096 else 256 if count >= 512 else 16 if count >= 16 else 1
    return count // multiple * multiple


def _powers_below(count: int, floor: int) -> Iterator[int]:
    """Powers of two below ``count``, the largest first."""
    power = 1 << max(0, (count - 1).bit_length() - 1)
    while power >= floor and power < count:
        yield power
        power //= 2

"""The pool of a GPU from what was measured, and what to change when memory runs out all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from sgl.plan.buffers import later_buffers
from sgl.plan.demand import Demand
from sgl.plan.estimates import fragment_bytes, graph_bytes
from sgl.plan.measured import Measured, measured_plan
from sgl.plan.memory import plan_memory
from sgl.plan.remedies import cheapest_changes, shortage_error
from sgl.plan.running_out import MARGIN, Stage, ways_out
from sgl.plan.steps import advice, fits
from tests.unit.plan.demands import demand_of, place

GIB: Final = 2**30


def gpu(memory: float = 24, **changes: Any) -> Demand:
    defaults = {"element_bytes": 2, "running": 256, "chunk": 8192, "fraction": 0.88, "max_model_len": 32768}
    return demand_of(place(memory, memory, "cuda"), **{**defaults, "largest_graph": 256, **changes})


def measured(memory: float = 24, free: float = 20, held: float = 3, peak: float = 1) -> Measured:
    return Measured(
        memory_bytes=int(memory * GIB),
        free_bytes=int(free * GIB),
        held_bytes=int(held * GIB),
        peak_bytes=int(peak * GIB),
    )


def test_the_pool_is_what_the_share_leaves_beside_the_weights() -> None:
    plan = measured_plan(gpu(fraction=0.5), measured())
    assert plan.shortage is None
    assert plan.pages == (12 - 3) * GIB // plan.page_bytes - 1
    assert (plan.weight_bytes, plan.activation_bytes) == (3 * GIB, GIB)


def test_the_pool_leaves_room_for_a_step_and_for_all_that_is_made_behind_it() -> None:
    demand = gpu(fraction=0.98)
    plan = measured_plan(demand, measured(free=10, peak=2))
    room = 8 * GIB - graph_bytes(demand) - later_buffers(demand) - fragment_bytes(24 * GIB)
    assert plan.pages == room // plan.page_bytes - 1
    assert 0 <= plan.free_bytes < plan.page_bytes
    assert plan.graph_bytes == graph_bytes(demand) > 0
    assert plan.buffer_bytes == later_buffers(demand) > 0


def test_no_more_pages_than_requests_can_use() -> None:
    demand = gpu(running=1, max_model_len=2048)
    assert measured_plan(demand, measured()).pages == demand.useful_pages


def test_what_others_hold_is_not_ours_to_give() -> None:
    """A neighbour that came during the load shrinks the pool, and at the end there is an error that says so."""
    assert measured_plan(gpu(), measured(free=6)).pages < measured_plan(gpu(), measured(free=20)).pages
    short = measured_plan(gpu(), measured(free=1.5, peak=1.4)).shortage
    assert short is not None
    assert "only 4.5 GiB of memory is available" in short.message


def test_a_pool_that_was_asked_for_is_refused_where_it_does_not_fit() -> None:
    short = measured_plan(gpu(max_total_tokens=10**7), measured()).shortage
    assert short is not None
    assert short.hint.startswith("use --max-total-tokens ")
    fitting = int(short.hint.split()[-1])
    assert measured_plan(gpu(max_total_tokens=fitting), measured()).shortage is None


@pytest.mark.parametrize(
    ("stage", "flags"),
    [
        ("weights", ["--quantization"]),
        ("step", ["--chunked-prefill-size", "--quantization"]),
        ("pool", ["--mem-fraction-static", "--kv-cache-dtype"]),
        ("graphs", ["--mem-fraction-static"]),
    ],
)
def test_ways_out_take_enough_less(stage: Stage, flags: list[str]) -> None:
    demand = gpu(running=16, max_model_len=4096)
    changes = ways_out(demand, stage, 2**20)
    found = [change.flags[0].split()[0] for change in changes]
    assert set(flags) <= set(found)
    before, line = plan_memory(demand), advice(changes)
    assert line.startswith("use --")
    assert " or ".join(change.flags[0] for change in changes) in line
    for change in changes:
        plan = change.plan
        assert plan.shortage is None
        less = {
            "weights": before.weight_bytes - plan.weight_bytes,
            "step": before.weight_bytes + before.activation_bytes - plan.weight_bytes - plan.activation_bytes,
            "pool": before.weight_bytes + before.kv_bytes - plan.weight_bytes - plan.kv_bytes,
            "graphs": before.kv_bytes
            + before.graph_bytes
            + before.buffer_bytes
            - plan.kv_bytes
            - plan.graph_bytes
            - plan.buffer_bytes,
        }[stage]
        assert less >= MARGIN


def test_a_pool_of_given_size_becomes_smaller() -> None:
    demand = gpu(max_total_tokens=200_000)
    (change, *_) = ways_out(demand, "pool", 2**30)
    name, tokens = change.flags[0].split()
    assert name == "--max-total-tokens"
    smaller = plan_memory(replace(demand, max_total_tokens=int(tokens)))
    assert smaller.kv_bytes <= plan_memory(demand).kv_bytes - 2**30


def test_what_is_short_on_a_gpu_is_answered_with_flags_that_fit() -> None:
    plan = plan_memory(gpu(memory=3))
    error = shortage_error(plan)
    assert error is not None
    assert plan.shortage is not None
    assert error.message == plan.shortage.message
    flags = (error.hint or "").removeprefix("use ").split(" or ")
    changes = cheapest_changes(gpu(memory=3))
    assert flags == [" ".join(change.flags) for change in changes]
    assert flags[0].startswith("--")
    assert all(fits(change.plan) for change in changes)
    assert shortage_error(plan_memory(gpu())) is None


def test_where_nothing_helps_the_advice_says_what_would() -> None:
    assert ways_out(gpu(), "weights", 20 * GIB) == ()
    assert advice(()) == "use a smaller model, or end what else takes the GPU's memory (nvidia-smi shows it)"

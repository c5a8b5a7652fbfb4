"""The pool's size, what is left, and hints whose values fit."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.errors import StartupError, UsageError
from sgl.plan.demand import Demand
from sgl.plan.memory import MemoryPlan, plan_memory
from tests.unit.plan.demands import GIB, demand_of, place


def with_hint(plan: MemoryPlan) -> Demand:
    """The demand with the value that the hint gives."""
    assert plan.shortage is not None
    found = re.search(r"--(mem-fraction-static|max-total-tokens) (\S+)", plan.shortage.hint)
    assert found is not None, plan.shortage.hint
    if found[1] == "mem-fraction-static":
        return dataclasses.replace(plan.demand, fraction=float(found[2]))
    return dataclasses.replace(plan.demand, max_total_tokens=int(found[2]))


def test_the_pool_takes_what_the_fraction_leaves_beside_the_weights() -> None:
    plan = plan_memory(demand_of(place(16)))
    assert plan.shortage is None
    assert plan.page_bytes == 16 * 22 * 2 * 4 * 64 * 4
    static = plan.weight_bytes + plan.copy_bytes + plan.kv_bytes
    assert 8 * GIB - plan.page_bytes < static <= 8 * GIB
    assert plan.kv_bytes == (plan.pages + 1) * plan.page_bytes, "the padding page counts"
    assert plan.free_bytes == 16 * GIB - static - plan.activation_bytes - plan.runtime_bytes


def test_the_pool_is_never_larger_than_all_running_requests_can_use() -> None:
    plan = plan_memory(demand_of(place(512), fraction=0.9, running=2))
    assert plan.pages == 2 * 2048 // 16
    assert plan.requests_at(2048) == 2
    assert plan.max_request_tokens == 2048


def test_the_pool_is_cut_to_what_is_available() -> None:
    plan = plan_memory(demand_of(place(64, 6), fraction=0.9))
    assert plan.shortage is None
    assert 0 <= plan.free_bytes < plan.page_bytes
    assert plan.kv_tokens < plan_memory(demand_of(place(64, 7), fraction=0.9)).kv_tokens


def test_the_tokens_that_were_asked_for_are_given() -> None:
    assert plan_memory(demand_of(place(32), max_total_tokens=1000)).pages == 62


@pytest.mark.parametrize(
    ("where", "changes", "message"),
    [
        (place(16), {"fraction": 0.1}, "--mem-fraction-static 0.1 of 16.0 GiB leaves no room"),
        (place(8), {"max_total_tokens": 10**9}, "--max-total-tokens 1000000000 needs"),
        (place(8), {"max_total_tokens": 15}, "less than one page (16)"),
        (place(8, kind="cuda"), {"fraction": 0.2}, "leaves no room for a KV pool beside"),
    ],
)
def test_a_hint_with_a_value_fits(where: Any, changes: dict[str, Any], message: str) -> None:
    plan = plan_memory(demand_of(where, **changes))
    assert plan.shortage is not None
    assert message in plan.shortage.message
    assert plan_memory(with_hint(plan)).shortage is None


def test_the_type_is_named_only_where_it_helps() -> None:
    tight = plan_memory(demand_of(place(5, 4))).shortage
    assert tight is not None
    assert tight.message.startswith("the weights need 4.1 GiB")
    assert "--dtype bfloat16" in tight.hint
    hopeless = plan_memory(demand_of(place(2, 1))).shortage
    assert hopeless is not None
    assert hopeless.hint == "use a smaller model, or close other programs"
    assert plan_memory(demand_of(place(2, 1))).free_bytes < 0


def test_a_contradiction_is_a_wrong_flag_and_a_shortage_is_the_machine() -> None:
    pageless = plan_memory(demand_of(place(8), max_total_tokens=15)).shortage
    short = plan_memory(demand_of(place(2))).shortage
    assert pageless is not None
    assert short is not None
    assert type(pageless.as_error()) is UsageError
    assert type(short.as_error()) is StartupError
    assert short.as_error().hint == short.hint


def test_weights_from_headers_are_taken_as_they_are() -> None:
    demand = demand_of(place(16))
    plan = plan_memory(demand)
    assert plan_memory(demand, weight_bytes=plan.weight_bytes) == plan
    assert plan_memory(demand, weight_bytes=plan.weight_bytes + GIB).kv_tokens < plan.kv_tokens


def test_a_gpu_keeps_a_context_and_graphs_and_no_packed_copy() -> None:
    cpu, gpu = (plan_memory(demand_of(place(24, kind=kind), element_bytes=2)) for kind in ("cpu", "cuda"))
    assert gpu.copy_bytes == 0
    assert gpu.runtime_bytes > cpu.runtime_bytes
    two = plan_memory(demand_of(place(24, kind="cuda"), element_bytes=2, tp=2))
    assert gpu.weight_bytes // 2 < two.weight_bytes < gpu.weight_bytes
    assert two.page_bytes == gpu.page_bytes // 2


@given(
    memory=st.floats(0.1, 100),
    share=st.floats(0.05, 1),
    fraction=st.floats(0.01, 1),
    page_size=st.sampled_from([1, 16, 64]),
    context=st.integers(1, 32768),
    running=st.integers(1, 512),
    tokens=st.one_of(st.none(), st.integers(1, 10**7)),
    kind=st.sampled_from(["cpu", "cuda"]),
    element_bytes=st.sampled_from([2, 4]),
)
def test_a_plan_without_shortage_fits_and_one_with_it_says_what_fits(
    memory: float,
    share: float,
    fraction: float,
    page_size: int,
    context: int,
    running: int,
    tokens: int | None,
    kind: Any,
    element_bytes: int,
) -> None:
    where = place(memory, memory * share, kind)
    plan = plan_memory(
        demand_of(
            where,
            fraction=fraction,
            page_size=page_size,
            max_model_len=context,
            running=running,
            max_total_tokens=tokens,
            element_bytes=element_bytes,
        )
    )
    held = plan.weight_bytes + plan.copy_bytes + plan.kv_bytes
    beside = plan.activation_bytes + plan.buffer_bytes + plan.runtime_bytes
    assert plan.free_bytes == where.available_bytes - held - beside
    if plan.shortage is None:
        assert plan.free_bytes >= 0
        assert plan.pages > 0
        if tokens is None:
            assert plan.weight_bytes + plan.copy_bytes + plan.kv_bytes <= fraction * where.memory_bytes
            assert plan.kv_tokens >= min(context, 256)
    elif re.search(r"--(mem-fraction-static|max-total-tokens) \d", plan.shortage.hint):
        assert plan_memory(with_hint(plan)).shortage is None
    if plan.shortage is not None and "--dtype bfloat16" in plan.shortage.hint:
        assert plan_memory(plan.demand.in_bfloat16()).shortage is None

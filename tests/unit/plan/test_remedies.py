"""What makes it fit is planned again before it is proposed, and what loses least comes first."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgl.config.at_load import quantize_at_load
from sgl.plan.demand import Demand
from sgl.plan.memory import plan_memory
from sgl.plan.remedies import cheapest_changes
from sgl.plan.steps import Change, fits, pleasant
from tests.unit.plan.demands import demand_of, place

FIELDS: Final[dict[str, tuple[str, Any]]] = {
    "--mem-fraction-static": ("fraction", float),
    "--max-total-tokens": ("max_total_tokens", int),
    "--chunked-prefill-size": ("chunk", int),
    "--max-running-requests": ("running", int),
    "--max-model-len": ("max_model_len", int),
    "--tp": ("tp", int),
    "--cuda-graph-max-bs": ("largest_graph", int),
}


def apply(demand: Demand, change: Change) -> Demand:
    """The demand of somebody who types the flags of ``change``."""
    for flag in change.flags:
        name, value = flag.split()
        if name == "--dtype":
            assert value == "bfloat16"
            demand = demand.in_bfloat16()
        elif name == "--quantization":
            assert value == "fp8" or value == "int4"
            demand = replace(demand, model=quantize_at_load(demand.model, value))
        elif name == "--kv-cache-dtype":
            assert value == "int8"
            demand = replace(demand, kv_element_bytes=1, kv_scale_bytes=4, kv_dtype="int8")
        else:
            field, read = FIELDS[name]
            demand = replace(demand, **{field: read(value)})
    return demand


def names(changes: tuple[Change, ...]) -> list[str]:
    return [" + ".join(flag.split()[0] for flag in change.flags) for change in changes]


def test_nothing_is_proposed_for_what_fits() -> None:
    assert cheapest_changes(demand_of(place(64))) == ()


def test_nothing_is_proposed_where_nothing_helps() -> None:
    assert cheapest_changes(demand_of(place(1))) == ()


def test_a_larger_share_of_the_memory_costs_least() -> None:
    first, *_ = cheapest_changes(demand_of(place(32), fraction=0.1))
    assert first.flags == ("--mem-fraction-static 0.14",)
    assert not fits(plan_memory(replace(demand_of(place(32)), fraction=0.13)))


def test_the_longest_context_that_fits_is_a_round_number() -> None:
    demand = demand_of(place(6, 6, "cuda"), max_model_len=32768, element_bytes=2, fraction=0.4, running=8)
    (change,) = (each for each in cheapest_changes(demand, limit=9) if names((each,)) == ["--max-model-len"])
    length = change.plan.demand.max_model_len
    assert length % 1024 == 0
    assert not fits(plan_memory(replace(demand, max_model_len=length + 1024)))
    assert f"at most {length} tokens instead of 32768" in change.text


def test_what_this_version_cannot_do_comes_last_and_says_so() -> None:
    demand = demand_of(place(3.2, 3.2, "cuda"), max_model_len=32768, element_bytes=2, running=8, fraction=0.98)
    changes = cheapest_changes(demand, limit=9, gpus=4)
    later = [change for change in changes if not change.available]
    assert names(tuple(later)) == ["--tp"]
    assert "--kv-cache-dtype" in names(changes)
    assert all("not in this version" in change.text for change in later)
    assert changes[-len(later) :] == tuple(later)
    assert "--tp" not in names(cheapest_changes(demand, limit=9, gpus=1))


def test_weights_in_fewer_bits_are_proposed_for_a_gpu() -> None:
    changes = cheapest_changes(demand_of(place(2, 2, "cuda"), element_bytes=2, fraction=0.9, running=4), limit=9)
    assert changes[0].flags == ("--quantization fp8",)
    assert "--quantization fp8" not in [
        flag for each in cheapest_changes(demand_of(place(2)), limit=9) for flag in each.flags
    ]


def test_fewer_graphs_are_proposed() -> None:
    tight = demand_of(place(2.95, 2.95, "cuda"), element_bytes=2, fraction=0.98, running=256, largest_graph=256)
    assert "--cuda-graph-max-bs" in names(cheapest_changes(tight, limit=9))


def test_a_pool_that_was_asked_for_is_made_to_fit() -> None:
    short = demand_of(place(32), max_total_tokens=512)
    assert cheapest_changes(short)[0].flags == ("--max-total-tokens 2048",)
    large = demand_of(place(8), max_total_tokens=10**9)
    change = cheapest_changes(large)[0]
    assert names((change,)) == ["--max-total-tokens"]
    assert change.plan.free_bytes < change.plan.page_bytes


def test_two_changes_together_where_one_is_not_enough() -> None:
    demand = demand_of(place(4), max_model_len=32768, fraction=0.3)
    changes = cheapest_changes(demand)
    assert changes
    assert all(len(change.flags) > 1 for change in changes)


@settings(max_examples=25, deadline=None)
@given(
    memory=st.floats(0.5, 40),
    share=st.floats(0.2, 1),
    fraction=st.floats(0.05, 0.98),
    context=st.integers(256, 32768),
    running=st.integers(1, 512),
    chunk=st.integers(16, 16384),
    tokens=st.one_of(st.none(), st.integers(1, 10**6)),
    kind=st.sampled_from(["cpu", "cuda"]),
    element_bytes=st.sampled_from([2, 4]),
    gpus=st.sampled_from([1, 2, 8]),
)
def test_every_change_is_what_its_flags_say_and_fits(gpus: int, **drawn: Any) -> None:
    where = place(drawn.pop("memory"), None, drawn.pop("kind"))
    where = replace(where, available_bytes=int(where.memory_bytes * drawn.pop("share")))
    renamed = {"context": "max_model_len", "tokens": "max_total_tokens"}
    demand = demand_of(where, **{renamed.get(name, name): value for name, value in drawn.items()})
    changes = cheapest_changes(demand, limit=20, gpus=gpus)
    if fits(plan_memory(demand)):
        assert changes == ()
    for change in changes:
        assert change.plan == plan_memory(apply(demand, change))
        assert fits(change.plan)
        assert change.plan.shortage is None
        assert not any(set(other.flags) < set(change.flags) for other in changes), "nothing is changed for nothing"
        assert change.text.endswith(".")
    assert changes[:3] == cheapest_changes(demand, limit=20, gpus=gpus)[:3]
    available = [change.available for change in changes]
    assert available == sorted(available, reverse=True)


@settings(max_examples=20, deadline=None)
@given(
    field=st.sampled_from(["max_model_len", "running", "chunk", "element_bytes", "kv_element_bytes"]),
    memory=st.floats(0.5, 40),
    kind=st.sampled_from(["cpu", "cuda"]),
)
def test_asking_for_less_never_needs_more(field: str, memory: float, kind: Any) -> None:
    demand = demand_of(place(memory, None, kind), max_model_len=8192)
    less = replace(demand, **{field: getattr(demand, field) // 2})
    more, fewer = plan_memory(demand), plan_memory(less)
    assert fits(fewer) or not fits(more)
    assert fewer.weight_bytes <= more.weight_bytes
    assert fewer.page_bytes <= more.page_bytes
    if kind == "cuda" or field != "element_bytes":  # Without AMX a bfloat16 weight is widened for many rows.
        assert fewer.activation_bytes + fewer.runtime_bytes <= more.activation_bytes + more.runtime_bytes


@pytest.mark.parametrize(("count", "round_one"), [(40959, 39936), (4096, 4096), (4095, 3840), (511, 496), (9, 9)])
def test_pleasant_numbers(count: int, round_one: int) -> None:
    assert pleasant(count) == round_one


def test_the_flags_are_those_of_serve() -> None:
    from sgl.config.flags import BY_SPELLING

    assert {*FIELDS, "--dtype", "--kv-cache-dtype"} <= BY_SPELLING.keys()
    assert re.fullmatch(r"--[a-z-]+ \S+", cheapest_changes(demand_of(place(32), fraction=0.1))[0].flags[0])

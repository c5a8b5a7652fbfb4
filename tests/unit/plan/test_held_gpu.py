"""What a GPU holds of quantised weights: the plan's bytes are those of the tensors that are packed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from sgl.config.at_load import SCHEMES, quantize_at_load
from sgl.config.held import Holding, holding_of, multiplies_bytes, order_bytes
from sgl.config.held_gpu import CHUNK, SMALLEST_GROUP, joined_parts
from sgl.config.layout.weight import Matrix
from sgl.config.quantization import Quantization
from sgl.kernels import grouped
from sgl.plan.memory import plan_memory
from sgl.plan.weights import parameter_bytes
from tests.unit.plan.demands import MODEL, demand_of, place

GPTQ: Final = Quantization(method="gptq", bits=4, group=128)
FP8: Final = Quantization(method="fp8", bits=8, scale="channel")


def matrix(inputs: int, *outputs: int) -> Matrix:
    return Matrix(tuple(f"m{index}" for index in range(len(outputs))), outputs, inputs)


def held(inputs: int, scheme: Quantization, *outputs: int) -> Holding:
    return holding_of(matrix(inputs, *outputs), scheme, sum(outputs), "cuda")


def bytes_of(packed: Any) -> int:
    """Of all tensors of a packed weight but the order."""
    own = {name: value for name, value in vars(packed).items() if name != "order"}
    return sum(value.nbytes for value in own.values() if isinstance(value, Tensor))


def test_the_rules_are_those_of_the_kernels() -> None:
    assert (CHUNK, SMALLEST_GROUP) == (grouped.CHUNK, grouped.SMALLEST_GROUP)


@pytest.mark.parametrize(("inputs", "group"), [(256, 32), (256, 128), (192, 64), (288, 96), (200, None)])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
def test_codes_in_groups(inputs: int, group: int | None, symmetric: bool, bits: int) -> None:
    scheme = replace(GPTQ, bits=bits, group=group, symmetric=symmetric)
    groups, middle = scheme.groups(inputs), 1 << (bits - 1)
    codes = torch.zeros(48, inputs, dtype=torch.uint8)
    zero = torch.full((48, groups), float(middle if symmetric else middle - 1))
    pack = grouped.pack_int4 if bits == 4 else grouped.pack_int8_groups
    packed = pack(codes, torch.ones(48, groups), zero, torch.bfloat16)
    assert held(inputs, scheme, 48).reported(48, inputs, 2) == bytes_of(packed)


def test_the_order_of_inputs_is_held_beside() -> None:
    holding = held(256, replace(GPTQ, ordered=True), 48)
    assert holding.order_bytes(256) == torch.arange(256).nbytes
    assert held(256, GPTQ, 48).order_bytes(256) == 0


@pytest.mark.parametrize(
    ("scheme", "outputs", "size"),
    [
        (FP8, (64, 32), 96 * 300 + 96 * 4),
        (replace(FP8, scale="tensor"), (96,), 96 * 300 + 96 * 4),
        (replace(FP8, scale="block", block=(128, 128)), (128, 32), 160 * 300 + 2 * 3 * 4),
        (replace(FP8, scale="block", block=(128, 128)), (32, 128), 160 * 300 + 2 * 3 * 4),
        (replace(FP8, scale="block", block=(64, 64)), (160,), 160 * 300 * 2),
        (SCHEMES["int8"], (96,), 96 * 300 + 96 * 4),
        (replace(GPTQ, group=20), (96,), 96 * 300 * 2),
    ],
)
def test_bytes_of_others(scheme: Quantization, outputs: tuple[int, ...], size: int) -> None:
    holding = held(300, scheme, *outputs)
    assert holding.reported(sum(outputs), 300, 2) == size
    assert (holding.kind == "expanded") == (size == sum(outputs) * 300 * 2)


def test_parts_of_blocks_join_behind_whole_ones() -> None:
    assert joined_parts((128, 32)) == [slice(0, 2)]
    assert joined_parts((160, 32, 32)) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert joined_parts((256, 128, 96)) == [slice(0, 3)]
    assert joined_parts((256, 96, 128, 96)) == [slice(0, 2), slice(2, 4)]
    assert joined_parts((96,)) == [slice(0, 1)]


def test_an_expert_whose_parts_do_not_join_is_expanded() -> None:
    scheme = replace(FP8, scale="block", block=(128, 128))
    for outputs, kind in (((128, 128), "bytes"), ((96, 96), "expanded")):
        one = replace(matrix(300, *outputs), expert=True)
        assert holding_of(one, scheme, sum(outputs), "cuda").kind == kind


def test_a_matrix_that_is_taken_apart_is_expanded() -> None:
    apart = replace(matrix(256, 48), apart=True)
    assert holding_of(apart, GPTQ, 48, "cuda").kind == "expanded"


def test_fp8_stays_so_on_a_gpu_and_not_on_a_cpu() -> None:
    model = quantize_at_load(MODEL, "fp8")
    assert parameter_bytes(model, 2, device="cuda") < 0.6 * parameter_bytes(model, 2)
    assert parameter_bytes(model, 2) == parameter_bytes(MODEL, 2)
    assert multiplies_bytes(frozenset())


def test_a_plan_for_a_gpu_counts_codes_and_orders() -> None:
    ordered = replace(MODEL, quantization=replace(GPTQ, ordered=True))
    demand = demand_of(place(24, 24, "cuda"), element_bytes=2, model=ordered)
    plan = plan_memory(demand)
    assert plan.weight_bytes == parameter_bytes(ordered, 2, device="cuda")
    assert plan.copy_bytes == order_bytes(ordered) == 22 * (3 * 2048 + 5632) * 8
    assert plan.weight_bytes < plan_memory(replace(demand, model=MODEL)).weight_bytes / 2

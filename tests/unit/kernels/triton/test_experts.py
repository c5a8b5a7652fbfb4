"""Grouped products, and the whole block of experts, against twins and against the layer of a CPU."""

from __future__ import annotations

from functools import partial
from typing import Final

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.config.model import Activation
from sgl.kernels.expert_weight import ExpertWeight, PackedExperts
from sgl.kernels.grouped import pack_int4
from sgl.kernels.int4 import dequantize
from sgl.kernels.triton import align, combine, expert_matmul
from sgl.kernels.triton.expert_int4 import expert_int4
from sgl.kernels.triton.expert_matmul import FEW, MANY, MOST, SMALL, tile_of
from sgl.kernels.triton.experts import experts
from sgl.kernels.twins import combine as combine_twin
from sgl.kernels.twins.expert_matmul import expert_matmul as multiply_twin
from sgl.layers.activation import nonlinearity
from sgl.layers.experts import sum_by_masks

EXPERTS: Final = 5
TOLERANCES: Final = {torch.float32: 1e-5, torch.bfloat16: 8e-3, torch.float16: 1e-3}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def choices(tokens: int, chosen: int, seed: int = 0) -> Tensor:
    """int32 [tokens, chosen]; the second token chooses nobody, and expert 3 is chosen by none."""
    allowed = torch.tensor([0, 1, 2, 4])
    picks = torch.rand(tokens, 4, generator=torch.Generator().manual_seed(seed)).argsort(dim=1)[:, :chosen]
    rows = allowed[picks].int()
    rows[1:2] = -1
    return rows


def poisoned(weight: Tensor) -> Tensor:
    """The same weights, but those of expert 3 are not to be read."""
    weight = weight.clone()
    weight[3] = torch.nan
    return weight


def scaled_weight(kind: str, outputs: int, inputs: int) -> ExpertWeight:
    wide = random(EXPERTS, outputs, inputs, seed=5)
    if kind == "int8":
        return ExpertWeight((wide * 30).clamp(-127, 127).to(torch.int8), random(EXPERTS, outputs, seed=6).abs())
    shape = (EXPERTS, outputs) if kind == "fp8" else (EXPERTS, -(-outputs // 128), -(-inputs // 128))
    return ExpertWeight(wide.to(torch.float8_e4m3fn), random(*shape, seed=6).abs())


def check_product(x: Tensor, weight: ExpertWeight, chosen: Tensor) -> None:
    """Compares the rows that an expert computes."""
    aligned = align.align(chosen, EXPERTS, SMALL.rows)
    found = expert_matmul.expert_matmul(x, weight, aligned, SMALL, chosen=chosen.shape[1])
    numbers = chosen.flatten()
    rows = x.repeat_interleave(chosen.shape[1], dim=0)
    expected = multiply_twin(rows, weight.weight, numbers, scale=weight.scale, bias=weight.bias)
    assert found.dtype == x.dtype
    there = numbers >= 0
    size = float(expected.abs().max())
    torch.testing.assert_close(
        found[there].float(), expected[there], rtol=TOLERANCES[x.dtype], atol=size * TOLERANCES[x.dtype] / 4
    )


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_product_is_its_twin(dtype: torch.dtype) -> None:
    weight = ExpertWeight(poisoned(random(EXPERTS, 40, 64, seed=1)).to(dtype), bias=random(EXPERTS, 40).to(dtype))
    check_product(random(9, 64, seed=2).to(dtype), weight, choices(9, 2))


def test_rows_and_weights_may_be_views_and_sizes_odd() -> None:
    wide, kept = torch.full((7, 50), torch.nan), torch.full((EXPERTS, 40, 64), torch.nan)
    wide[:, :41] = random(7, 41)
    kept[:, :33, :41] = random(EXPERTS, 33, 41, seed=1)
    check_product(wide[:, :41], ExpertWeight(kept[:, :33, :41]), choices(7, 3))


@pytest.mark.parametrize("kind", ["fp8", "fp8 blocks", "int8"])
def test_codes_are_multiplied_as_what_they_stand_for(kind: str) -> None:
    check_product(random(3, 160), scaled_weight(kind, 144, 160), choices(3, 1))


def test_codes_and_narrow_rows() -> None:
    check_product(random(4, 64).bfloat16(), scaled_weight("fp8", 32, 64), choices(4, 2))


@pytest.mark.parametrize(("columns", "group", "middle"), [(160, 32, False), (256, 128, False), (128, 128, True)])
def test_four_bits_are_multiplied_as_what_they_stand_for(columns: int, group: int, middle: bool) -> None:
    """Beside a chunk of columns that is not whole, groups that are smaller, and zero points in the middle."""
    codes = torch.randint(0, 16, (EXPERTS, 40, columns), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    scale = random(EXPERTS, 40, columns // group, seed=2).abs() + 0.1
    zero = torch.full_like(scale, 8.0) if middle else random(EXPERTS, 40, columns // group, seed=3) * 3 + 7
    packed = [pack_int4(*each, torch.float32) for each in zip(codes, scale, zero, strict=True)]
    weight = PackedExperts.stack(packed, random(EXPERTS, 40, seed=4))
    assert (weight.zero is None) == middle
    chosen, x = choices(5, 2), random(5, columns)
    aligned = align.align(chosen, EXPERTS, SMALL.rows)
    found = expert_int4(x, weight, aligned, SMALL, chosen=2)
    numbers = chosen.flatten()
    wide = torch.stack([dequantize(*each) for each in zip(codes, scale, zero, strict=True)])
    expected = multiply_twin(x.repeat_interleave(2, dim=0), wide, numbers, bias=weight.bias)
    there = numbers >= 0
    torch.testing.assert_close(found[there], expected[there], rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="experts of"):
        expert_int4(x, weight, aligned, SMALL, chosen=1)


def test_experts_whose_columns_are_reordered_are_refused() -> None:
    codes, ones = torch.zeros(8, 32, dtype=torch.uint8), torch.ones(8, 1)
    with pytest.raises(ValueError, match="act-order"):
        PackedExperts.stack([pack_int4(codes, ones, ones, torch.float32, order=torch.arange(32))])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sum_is_its_twin_and_reads_only_what_was_computed(dtype: torch.dtype) -> None:
    chosen, weights = choices(6, 3), random(6, 3, seed=1)
    results = random(18, 40, seed=2).to(dtype)
    results[chosen.flatten() < 0] = torch.nan
    found = combine.combine(results, weights, chosen)
    expected = combine_twin.combine(results, weights, chosen)
    assert (found[1] == 0).all()
    torch.testing.assert_close(found.float(), expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


def test_order_of_choice_changes_no_bit_of_a_sum() -> None:
    chosen, weights, results = choices(6, 3), random(6, 3, seed=1), random(18, 40, seed=2)
    turned = torch.tensor([2, 0, 1])
    again = results.view(6, 3, 40)[:, turned].reshape(18, 40)
    found = combine.combine(again, weights[:, turned].contiguous(), chosen[:, turned].contiguous())
    assert torch.equal(found, combine.combine(results, weights, chosen))


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh", "clamped_silu"])
def test_experts_are_those_of_the_layer(activation: Activation) -> None:
    """The layer's own sum, with experts of torch's linear."""
    gate_up, down = random(EXPERTS, 48, 32, seed=1), random(EXPERTS, 32, 24, seed=2)
    biases = random(EXPERTS, 48, seed=3), random(EXPERTS, 32, seed=4)
    hidden, weights, chosen = random(6, 32), random(6, 2, seed=5).softmax(dim=1), choices(6, 2)

    def one(number: int, rows: Tensor) -> Tensor:
        inner = nonlinearity(activation, gated=True)(F.linear(rows, gate_up[number], biases[0][number]))
        return F.linear(inner, down[number], biases[1][number])

    found = experts(
        hidden, weights, chosen, ExpertWeight(gate_up, bias=biases[0]), ExpertWeight(down, bias=biases[1]),
        activation=activation,
    )  # fmt: skip
    expected = sum_by_masks(hidden, weights, chosen, [partial(one, number) for number in range(EXPERTS)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_token_has_the_same_bits_in_every_batch() -> None:
    gate_up, down = (ExpertWeight(random(EXPERTS, *shape, seed=1)) for shape in ((16, 32), (32, 8)))
    hidden, weights, chosen = random(20, 32), random(20, 2, seed=5), choices(20, 2)

    def compute(rows: slice) -> Tensor:
        return experts(hidden[rows], weights[rows], chosen[rows], gate_up, down, activation="silu", deterministic=True)

    assert torch.equal(compute(slice(None))[7:9], compute(slice(7, 9)))


def test_tiles_follow_the_rows_of_an_expert() -> None:
    def chosen(pairs: int, deterministic: bool = False) -> expert_matmul.Tile:
        return tile_of(pairs, 128, deterministic=deterministic, interpreted=False)

    assert [chosen(pairs) for pairs in (8, 4096, 4097, 65536)] == [FEW, FEW, MANY, MOST]
    assert {chosen(pairs, deterministic=True) for pairs in (8, 4096, 65536)} == {MANY}


def test_what_does_not_fit_is_refused() -> None:
    chosen = choices(4, 2)
    aligned = align.align(chosen, EXPERTS, SMALL.rows)
    x, weight = random(4, 32), random(EXPERTS, 16, 32)
    cases: list[tuple[Tensor, ExpertWeight, int]] = [
        (x, ExpertWeight(weight.bfloat16()), 2),
        (x, ExpertWeight(weight.to(torch.int8)), 2),
        (x, ExpertWeight(weight[..., :16]), 2),
        (x, ExpertWeight(weight), 1),
        (x, ExpertWeight(weight.transpose(1, 2).contiguous().transpose(1, 2)), 2),
    ]
    for rows, kept, each in cases:
        with pytest.raises(ValueError, match=r"experts|grouped"):
            expert_matmul.expert_matmul(rows, kept, aligned, SMALL, chosen=each)

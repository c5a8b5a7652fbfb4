"""Every stored format: what is read from a checkpoint is what its definition says, and is multiplied as that."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.config.hf import HfConfig
from sgl.config.layout.weight import Matrix
from sgl.config.quantized.read import read_quantization
from sgl.errors import CheckpointError
from sgl.plan.weights import TYPES, stored
from sgl.weights.part import DTYPES
from sgl.weights.slot import Placement
from sgl.weights.store import store
from sgl.weights.stored import Stored
from tests.zoo.formats import FORMATS, Format, Tensors

NAMES = ("layer.q_proj", "layer.k_proj", "layer.v_proj")
OUTPUTS = (160, 32, 32)
INPUTS = 256


def matrix(*, bias: bool = True) -> Matrix:
    return Matrix(NAMES, OUTPUTS, INPUTS, bias=bias, split="rows", units=(4, 1, 1))


def placement(form: Format, dtype: torch.dtype = torch.float32) -> Placement:
    scheme = read_quantization(HfConfig({"quantization_config": form.config}))
    assert scheme is not None
    return Placement(dtype, torch.device("cpu"), scheme)


@cache
def matrices(form: Format) -> tuple[dict[str, Tensors], Tensor]:
    """The tensors of three matrices, and what they mean."""
    random = np.random.default_rng(3)
    tensors = {name: form.draw(random, outputs, INPUTS) for name, outputs in zip(NAMES, OUTPUTS, strict=True)}
    return tensors, torch.cat([torch.from_numpy(form.meaning(own)) for own in tensors.values()])


def drawn(form: Format) -> dict[str, Tensors]:
    return {name: {suffix: own.clone() for suffix, own in part.items()} for name, part in matrices(form)[0].items()}


def meant(form: Format) -> Tensor:
    return matrices(form)[1].clone()


def fill(weights: Stored, tensors: dict[str, Tensors], bias: Tensor | None) -> None:
    """Fills the slots as the loader does; every tensor finds one, and every slot that must be filled is."""
    flat = {f"{name}.{suffix}": tensor for name in tensors for suffix, tensor in tensors[name].items()}
    if bias is not None:
        flat |= {f"{name}.bias": part for name, part in zip(NAMES, torch.split(bias, OUTPUTS), strict=True)}
    for slot in weights.slots():
        if slot.optional and slot.name not in flat:
            continue
        tensor = flat.pop(slot.name)
        assert slot.takes(tensor.dtype), slot.name
        assert tensor.numel() == slot.target.numel()
        slot.target.copy_(tensor.view(slot.target.shape))
    assert flat == {}


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_matrix_is_what_the_format_defines(form: Format) -> None:
    tensors = drawn(form)
    weights = store(matrix(), placement(form))
    fill(weights, tensors, torch.zeros(sum(OUTPUTS)))
    assert torch.equal(weights.dense(), meant(form))


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_product_is_that_of_the_matrix(form: Format, deterministic: bool) -> None:
    tensors = drawn(form)
    bias = torch.from_numpy(np.random.default_rng(5).normal(0.0, 1.0, sum(OUTPUTS))).float()
    weights = store(matrix(), placement(form))
    fill(weights, tensors, bias)
    product = weights.product(deterministic)
    for rows in (1, 5, 40):
        x = torch.from_numpy(np.random.default_rng(rows).normal(0.0, 1.0, (rows, INPUTS))).float()
        expected = x.double() @ meant(form).double().T + bias
        # A product is some 2; eight bits of activations are worth some percent of it.
        tolerance = 0.1 if form.activations else 1e-3
        torch.testing.assert_close(product(x).double(), expected, rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_slots_and_plan_name_the_same_tensors(form: Format) -> None:
    place = placement(form)
    slots = {slot.name: slot for slot in store(matrix(), place).slots()}
    planned = {each.name: each for each in stored(matrix(), place.quantization)}
    assert slots.keys() == planned.keys()
    for name, slot in slots.items():
        assert tuple(slot.target.shape) == planned[name].shape
        assert slot.optional == planned[name].optional
        assert slot.target.dtype == DTYPES[planned[name].kind]
        assert TYPES[planned[name].kind]


def test_parts_that_are_kept_lie_beside_quantised_ones() -> None:
    form = next(form for form in FORMATS if form.name == "awq")
    form = Format(form.name, {**form.config, "modules_to_not_convert": ["k_proj"]}, form.draw, form.meaning)
    tensors = drawn(form)
    plain = torch.from_numpy(np.random.default_rng(9).normal(0.0, 0.1, (OUTPUTS[1], INPUTS))).float()
    stored_tensors = {**tensors, NAMES[1]: {"weight": plain}}
    bias = torch.arange(sum(OUTPUTS)).float()
    weights = store(matrix(), placement(form))
    fill(weights, stored_tensors, bias)
    expected = meant(form)
    expected[OUTPUTS[0] : OUTPUTS[0] + OUTPUTS[1]] = plain
    x = torch.from_numpy(np.random.default_rng(1).normal(0.0, 1.0, (3, INPUTS))).float()
    torch.testing.assert_close(weights.product(False)(x), x @ expected.T + bias, rtol=0.0, atol=2e-4)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_gptq_may_hold_a_bias_that_the_model_has_not(value: float) -> None:
    form = FORMATS[0]
    tensors = drawn(form)
    weights = store(matrix(bias=False), placement(form))
    fill(weights, tensors, torch.full((sum(OUTPUTS),), value))
    x = torch.ones(2, INPUTS)
    torch.testing.assert_close(weights.product(False)(x), x @ meant(form).T + value, rtol=0.0, atol=2e-4)


def test_groups_of_unequal_size_are_refused_by_name() -> None:
    form = next(form for form in FORMATS if form.name == "gptq-desc-act")
    tensors = drawn(form)
    tensors[NAMES[1]]["g_idx"][:5] = 0
    weights = store(matrix(), placement(form))
    fill(weights, tensors, torch.zeros(sum(OUTPUTS)))
    with pytest.raises(CheckpointError, match=r"'layer\.k_proj\.g_idx' makes groups of \d+ to \d+ inputs, not of 32"):
        weights.product(False)


@pytest.mark.parametrize("index", [-2, 8])
def test_groups_that_do_not_exist_are_refused_by_name(index: int) -> None:
    form = next(form for form in FORMATS if form.name == "gptq-desc-act")
    tensors = drawn(form)
    tensors[NAMES[2]]["g_idx"][7] = index
    weights = store(matrix(), placement(form))
    fill(weights, tensors, torch.zeros(sum(OUTPUTS)))
    with pytest.raises(CheckpointError, match=r"'layer\.v_proj\.g_idx' names groups beyond the 8 there are"):
        weights.dense()


def test_a_packed_matrix_of_another_shape_is_refused_by_name() -> None:
    form = next(form for form in FORMATS if form.name == "w4a16")
    tensors = drawn(form)
    tensors[NAMES[0]]["weight_shape"][1] += 1
    weights = store(matrix(), placement(form))
    fill(weights, tensors, torch.zeros(sum(OUTPUTS)))
    with pytest.raises(CheckpointError, match=r"'layer\.q_proj\.weight_shape' says \[160, 257\]"):
        weights.dense()


def test_codes_take_no_other_type() -> None:
    slots = {slot.name: slot for slot in store(matrix(), placement(FORMATS[0])).slots()}
    assert not slots["layer.q_proj.qweight"].takes(torch.int64)
    assert not slots["layer.q_proj.qweight"].takes(torch.float16)
    assert slots["layer.q_proj.g_idx"].takes(torch.int64)
    assert not slots["layer.q_proj.scales"].takes(torch.int32)
    blocks = next(form for form in FORMATS if form.name == "fp8-blocks")
    slots = {slot.name: slot for slot in store(matrix(), placement(blocks)).slots()}
    assert not slots["layer.q_proj.weight"].takes(torch.bfloat16)

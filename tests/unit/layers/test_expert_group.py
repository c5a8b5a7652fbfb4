"""Experts multiplied together, kernels interpreted, say what the CPU's loop says, and hold what is planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.config.at_load import quantize_at_load
from sgl.config.experts import ExpertsConfig
from sgl.config.hf import HfConfig
from sgl.config.layout.decoder import layer_weights
from sgl.config.layout.group import ExpertWeights, parts
from sgl.config.layout.weight import Matrix
from sgl.config.model import ModelConfig
from sgl.config.quantization import Quantization
from sgl.config.quantized.read import read_quantization
from sgl.errors import CheckpointError
from sgl.kernels.expert_weight import AnyExperts, ExpertWeight, PackedExperts
from sgl.kernels.triton.fused import TritonKernels
from sgl.layers.base import smallest
from sgl.layers.expert_group import ExpertProjection
from sgl.layers.experts import Experts
from sgl.plan.weights import stored
from sgl.weights.slot import Placement, Slot, size_of
from tests.interpreter import mend_bfloat16, patch_once
from tests.unit.plan.checkpoints import model_of
from tests.zoo.formats import FORMATS, Format

WIDTH: Final = 64
TOKENS: Final = 5
CPU: Final = torch.device("cpu")
CONFIG: Final = ExpertsConfig(count=4, chosen=2, intermediate_size=32, layers=(True, True))
MODEL: Final = replace(model_of("llama", hidden_size=WIDTH, num_attention_heads=4), experts=CONFIG)
SIGMOID: Final[dict[str, Any]] = {"score": "sigmoid", "groups": 2, "chosen_groups": 1, "group_top": 2, "scale": 2.5}
STACKED: Final[dict[str, Any]] = {"stacked": True, "bias": True, "router_bias": True}


def model_with(**changes: Any) -> ModelConfig:
    return replace(MODEL, experts=replace(CONFIG, **changes))


STACK: Final = replace(model_with(**STACKED), activation="clamped_silu")
MXFP4: Final = Quantization(method="mxfp4", bits=4, group=32)
VARIANTS: Final[dict[str, ModelConfig]] = {
    "softmax": MODEL,
    "as it is": model_with(normalize=False),
    "sigmoid": model_with(**SIGMOID, correction=True, shared_size=24),
    "shared, gated": model_with(shared_size=24, shared_gate=True),
    "biases": model_with(bias=True),
    "not gated": replace(
        MODEL, gated=False, activation="gelu_tanh", names=replace(MODEL.names, expert_gate_up=("up",))
    ),
    "stack": STACK,
    "mxfp4": replace(STACK, quantization=MXFP4),
    "fp8 at load": quantize_at_load(MODEL, "fp8"),
    "int4 at load": quantize_at_load(MODEL, "int4"),
    "stack, int4 at load": quantize_at_load(STACK, "int4"),
    "stack, fp8 at load": quantize_at_load(STACK, "fp8"),
}
FORMS: Final[dict[str, type]] = {
    "fp8-blocks": ExpertWeight,
    "fp8-tensor-static": ExpertWeight,
    "fp8-compressed-channel": ExpertWeight,
    "w8a8": ExpertWeight,
    "int8-weights-only": ExpertWeight,
    "gptq": PackedExperts,
    "awq": PackedExperts,
    "w4a16": PackedExperts,
}
EXPANDED: Final = ("gptq-desc-act", "gptq-8-bits", "w4a16-actorder-group", "w8a16-asymmetric-channel")
"""Formats of which the kernel takes no codes."""


@pytest.fixture(autouse=True)
def _interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bfloat16(monkeypatch)
    patch_once(monkeypatch)


def placement(model: ModelConfig, dtype: torch.dtype = torch.float32, *, together: bool = True) -> Placement:
    return Placement(dtype, CPU, model.quantization, fused=TritonKernels() if together else None)


def layer_of(model: ModelConfig, place: Placement) -> tuple[Experts, ExpertWeights]:
    weights = layer_weights(model, 0).mlp
    assert isinstance(weights, ExpertWeights)
    return Experts(model, weights, place), weights


def fill(slots: Iterator[Slot]) -> None:
    """Each by its name, so that layers of one model come out the same."""
    for slot in slots:
        generator = torch.Generator().manual_seed(sum(slot.name.encode()))
        if slot.target.dtype == torch.uint8:
            low, high = (118, 123) if slot.name.endswith("_scales") else (0, 256)
            slot.target.random_(low, high, generator=generator)
        else:
            wide = torch.randn(slot.target.shape, generator=generator)
            slot.target.copy_(wide * (1.0 if ".gate." in slot.name else 0.2))


def finished(model: ModelConfig, place: Placement) -> Experts:
    layer, _ = layer_of(model, place)
    fill(layer.slots())
    layer.finish(False)
    return layer


def hidden_states(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(TOKENS, WIDTH, generator=torch.Generator().manual_seed(1)).to(dtype)


def bytes_of(weight: AnyExperts) -> int:
    if isinstance(weight, PackedExperts):
        return size_of(weight.words, weight.scale, weight.zero, weight.bias)
    return size_of(weight.weight, weight.scale, weight.bias)


def projections(layer: Experts) -> list[ExpertProjection]:
    return [each for each in smallest(layer) if isinstance(each, ExpertProjection)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_together_is_one_by_one(variant: str) -> None:
    model, hidden = VARIANTS[variant], hidden_states()
    wanted = finished(model, replace(placement(model), fused=None)).forward(hidden)
    got = finished(model, placement(model)).forward(hidden)
    assert got.abs().max() > 0.1
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_one_by_one_to_its_rounding() -> None:
    model, hidden = VARIANTS["sigmoid"], hidden_states(torch.bfloat16)
    wanted = finished(model, placement(model, torch.bfloat16, together=False)).forward(hidden)
    got = finished(model, placement(model, torch.bfloat16)).forward(hidden)
    assert got.dtype == torch.bfloat16
    assert (got - wanted).abs().max() < 0.02 * wanted.abs().max()


def drawn(form: Format, model: ModelConfig, *, skipped: str = "") -> tuple[Experts, Experts]:
    """Experts of a format, and the CPU's experts of the weights that its codes mean; not finished.

    Args:
        skipped: A pattern of matrices that are not quantised.
    """
    scheme = read_quantization(HfConfig({"quantization_config": form.config}))
    assert scheme is not None
    if skipped:
        scheme = replace(scheme, skipped=(*scheme.skipped, skipped))
    model = replace(model, quantization=scheme)
    layer, weights = layer_of(model, placement(model))
    plain, _ = layer_of(replace(model, quantization=None), placement(MODEL, together=False))
    meanings: dict[str, Tensor] = {}
    codes: dict[str, Tensor] = {}
    random = np.random.default_rng(7)
    for matrix in each_matrix(weights):
        for name, outputs in zip(matrix.names, matrix.outputs, strict=True):
            own = form.draw(random, outputs, matrix.inputs)
            codes |= {f"{name}.{suffix}": tensor for suffix, tensor in own.items()}
            meanings[f"{name}.weight"] = torch.from_numpy(form.meaning(own))
    fill_from(meanings, plain.slots())
    fill_from(meanings | codes, layer.slots())
    return layer, plain


def fill_from(tensors: dict[str, Tensor], slots: Iterator[Slot]) -> None:
    for slot in slots:
        if slot.name in tensors:
            slot.target.copy_(tensors[slot.name].view(slot.target.shape))
        elif not slot.optional:
            fill(iter([slot]))


def each_matrix(weights: ExpertWeights) -> Iterator[Matrix]:
    for expert in weights.experts:
        for matrix in parts(expert):
            assert isinstance(matrix, Matrix)
            yield matrix


def form_of(name: str) -> Format:
    return next(form for form in FORMATS if form.name == name)


@pytest.mark.parametrize("name", [*FORMS, *EXPANDED])
def test_codes_mean_what_they_say_and_take_what_is_planned(name: str) -> None:
    model = model_with(intermediate_size=128 if name == "fp8-blocks" else 64)
    layer, plain = drawn(form_of(name), model)
    scheme = read_quantization(HfConfig({"quantization_config": form_of(name).config}))
    experts = layer_weights(model, 0).mlp
    assert isinstance(experts, ExpertWeights)
    planned = sum(each.bytes_of(1, 4) for matrix in each_matrix(experts) for each in stored(matrix, scheme, "cuda"))
    layer.finish(False)
    plain.finish(False)
    held = [each.weight for each in projections(layer)]
    for weight in held:
        assert isinstance(weight, FORMS.get(name, ExpertWeight))
        if isinstance(weight, ExpertWeight):
            assert (weight.weight.dtype == torch.float32) == (name in EXPANDED)
    assert sum(map(bytes_of, held)) == planned == sum(each.weight_bytes() for each in projections(layer))
    hidden = hidden_states()
    torch.testing.assert_close(layer.forward(hidden), plain.forward(hidden), rtol=1e-4, atol=1e-4)


def test_where_one_matrix_is_not_quantised_its_projection_is_expanded() -> None:
    layer, plain = drawn(form_of("w4a16"), model_with(intermediate_size=64), skipped="re:.*experts.1.up_proj")
    layer.finish(False)
    plain.finish(False)
    gate_up, down = (each.weight for each in projections(layer))
    assert isinstance(gate_up, ExpertWeight)
    assert gate_up.weight.dtype == torch.float32
    assert isinstance(down, PackedExperts)
    hidden = hidden_states()
    torch.testing.assert_close(layer.forward(hidden), plain.forward(hidden), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", ["softmax", "stack"])
def test_plain_weights_are_read_into_what_is_multiplied(variant: str) -> None:
    model = VARIANTS[variant]
    layer, _ = layer_of(model, placement(model))
    own = projections(layer)
    rooms = [{slot.target.untyped_storage().data_ptr() for slot in each.slots()} for each in own]
    fill(layer.slots())
    layer.finish(False)
    for each, room in zip(own, rooms, strict=True):
        weight = each.weight
        assert isinstance(weight, ExpertWeight)
        assert weight.weight.is_contiguous()
        biases = set() if weight.bias is None else {weight.bias.untyped_storage().data_ptr()}
        assert room == {weight.weight.untyped_storage().data_ptr()} | biases


def test_an_order_that_the_config_does_not_tell_is_refused() -> None:
    layer, _ = drawn(form_of("gptq"), model_with(intermediate_size=64))
    for slot in layer.slots():
        if slot.name.endswith(("gate_proj.g_idx", "up_proj.g_idx")):
            slot.target.copy_(slot.target.flip(0))
    with pytest.raises(CheckpointError, match="an order of its own"):
        layer.finish(False)

"""FP8 in blocks on a GPU: parts whose blocks do not fit below one another stay codes, as products side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.config.hf import HfConfig
from sgl.config.layout.weight import Matrix
from sgl.config.quantized.read import read_quantization
from sgl.engine.gpu.build import PRODUCTS
from sgl.kernels.products import Products
from sgl.plan.weights import stored
from sgl.weights.slot import Placement, size_of
from sgl.weights.store import store
from tests.zoo.formats import FORMATS

INPUTS = 200
FORM = next(form for form in FORMATS if form.name == "fp8-blocks")


@pytest.mark.parametrize(
    ("outputs", "made"),
    [((256, 128, 32), [416]), ((160, 96, 32), [160, 96, 32]), ((128, 96, 128), [224, 128]), ((64, 64), [64, 64])],
    ids=["all joined", "none", "the first two", "half blocks"],
)
@pytest.mark.parametrize("bias", [False, True])
def test_codes_are_kept_and_mean_what_they_say(outputs: tuple[int, ...], made: list[int], bias: bool) -> None:
    scheme = read_quantization(HfConfig({"quantization_config": FORM.config}))
    assert scheme is not None
    held: list[tuple[Tensor, Tensor]] = []

    def noted(codes: Tensor, scale: Tensor, *rest: Any, **options: Any) -> Any:
        held.append((codes, scale))
        assert PRODUCTS.fp8 is not None
        return PRODUCTS.fp8(codes, scale, *rest, **options)

    products = Products(PRODUCTS.dense, PRODUCTS.int8, PRODUCTS.int4, PRODUCTS.int8_group, noted)
    place = Placement(torch.float32, torch.device("cpu"), scheme, products=products)
    names = tuple(f"part{number}" for number in range(len(outputs)))
    matrix = Matrix(names, outputs, INPUTS, bias=bias)
    weights = store(matrix, place)
    random = np.random.default_rng(5)
    drawn = {name: FORM.draw(random, count, INPUTS) for name, count in zip(names, outputs, strict=True)}
    added = torch.randn(sum(outputs))
    parts = dict(zip(names, torch.split(added, list(outputs)), strict=True))
    for slot in weights.slots():
        name, suffix = slot.name.split(".", 1)
        tensor = parts[name] if suffix == "bias" else drawn[name][suffix]
        slot.target.copy_(tensor.view(slot.target.shape))
    multiply = weights.product(False)
    assert [len(codes) for codes, _ in held] == made
    assert all(codes.dtype == torch.float8_e4m3fn for codes, _ in held)
    of_bias = size_of(added) if bias else 0
    planned = sum(each.bytes_of(1, 4) for each in stored(matrix, scheme, "cuda"))
    assert sum(size_of(*each) for each in held) + of_bias == planned == weights.weight_bytes()
    meant = torch.cat([torch.from_numpy(FORM.meaning(own)) for own in drawn.values()])
    x = torch.randn(3, INPUTS)
    wanted = torch.nn.functional.linear(x, meant, added if bias else None)
    torch.testing.assert_close(multiply(x), wanted, rtol=1e-4, atol=1e-3)

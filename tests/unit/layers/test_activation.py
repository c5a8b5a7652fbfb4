"""Activations against those of transformers, by the names that config.json has for them."""

from __future__ import annotations

import pytest
import torch
from transformers.activations import ACT2FN

from sgl.config.decoder import ACTIVATIONS
from sgl.layers.activation import nonlinearity


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_names_mean_what_transformers_computes(name: str) -> None:
    x = torch.linspace(-6, 6, 400).view(4, 100)
    torch.testing.assert_close(nonlinearity(ACTIVATIONS[name], gated=False)(x), ACT2FN[name](x), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_gate_multiplies_the_other_half(name: str) -> None:
    x = torch.linspace(-6, 6, 400).view(4, 100)
    expected = ACT2FN[name](x[:, :50]) * x[:, 50:]
    torch.testing.assert_close(nonlinearity(ACTIVATIONS[name], gated=True)(x), expected, rtol=1e-6, atol=2e-6)


def test_the_two_forms_of_gelu_are_told_apart() -> None:
    plain, tanh = nonlinearity("gelu", gated=False), nonlinearity("gelu_tanh", gated=False)
    x = torch.linspace(-3, 3, 100)
    assert (plain(x) - tanh(x)).abs().max() > 1e-4

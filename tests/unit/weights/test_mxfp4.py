"""MXFP4 against the tables of the specification, and against transformers' own expansion."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from sgl.weights.mxfp4 import expand


def element(code: int) -> float:
    """E2M1 of OCP Microscaling Formats 1.0, table 5: bias 1, subnormal where the exponent is 0, no infinities."""
    sign, exponent, mantissa = code >> 3, code >> 1 & 3, code & 1
    magnitude = mantissa / 2 if exponent == 0 else (1 + mantissa / 2) * 2.0 ** (exponent - 1)
    return -magnitude if sign else magnitude


def by_specification(blocks: Tensor, scales: Tensor) -> list[float]:
    """Element by element: the low half of a byte first, times E8M0's 2 ** (byte - 127)."""
    values = []
    for block, scale in zip(blocks.view(-1, 16).tolist(), scales.flatten().tolist(), strict=True):
        power = math.nan if scale == 255 else math.ldexp(1.0, scale - 127)
        for byte in block:
            values += [element(byte & 15) * power, element(byte >> 4) * power]
    return values


def every_scale() -> tuple[Tensor, Tensor]:
    """Blocks whose bytes take all values, one for each scale but NaN: uint8 [255, 1, 16] and [255, 1]."""
    blocks = (torch.arange(255 * 16) * 7 % 256).to(torch.uint8).view(255, 1, 16)
    return blocks, torch.arange(255, dtype=torch.uint8).view(255, 1)


def test_every_code_and_every_scale_as_the_specification_says() -> None:
    blocks, scales = every_scale()
    wanted = torch.tensor(by_specification(blocks, scales), dtype=torch.float64).to(torch.float32).view(255, 32)
    assert len(torch.unique(blocks)) == 256
    got = expand(blocks, scales, torch.float32)
    assert torch.equal(got, wanted)
    assert torch.equal(torch.signbit(got), torch.signbit(wanted)), "minus zero, too"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ordinary_scales_are_exact_in_the_type(dtype: torch.dtype) -> None:
    blocks, scales = (tensor[90:170] for tensor in every_scale())
    assert torch.equal(expand(blocks, scales, dtype).double(), expand(blocks, scales, torch.float32).double())


def test_the_scale_that_is_no_number() -> None:
    blocks, scales = torch.full((1, 2, 16), 0x21, dtype=torch.uint8), torch.tensor([[255, 127]], dtype=torch.uint8)
    got = expand(blocks, scales, torch.float32)[0]
    assert got[:32].isnan().all()
    assert got[32:].tolist() == [0.5, 1.0] * 16


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_transformers_expands_to_the_same(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    blocks = torch.randint(0, 256, (3, 10, 2, 16), dtype=torch.uint8)
    scales = torch.randint(100, 150, (3, 10, 2), dtype=torch.uint8)
    theirs = convert_moe_packed_tensors(blocks, scales, dtype=dtype)
    assert torch.equal(expand(blocks, scales, dtype), theirs.transpose(1, 2))

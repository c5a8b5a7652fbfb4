"""Matrix products: the ways of `sgl.kernels.matmul`, each against a float64 product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from sgl.kernels.matmul import TILE_ROWS, Matmul, choose_matmul, packed, packed_or_upcast
from sgl.selftest import plain
from sgl.selftest.case import Measured, as_float64, compare, worst

Prepare = Callable[[Tensor, Tensor | None], Matmul]

OUT_FEATURES, IN_FEATURES = 640, 512
ROWS: Final = (1, 16, 70)
"""One request, a few, and a chunk of a prompt: kernels are chosen by the number of rows."""
ROUNDING: Final = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
"""Allowed error relative to the largest element: two roundings of the result, sums being float32."""


def packed_float32(prepare: Prepare = packed) -> Measured:
    """oneDNN's blocked layout."""
    return _packed(torch.float32, prepare)


def packed_bfloat16(prepare: Prepare = packed_or_upcast) -> Measured:
    """Blocked bfloat16 for few rows, float32 products for many."""
    return _packed(torch.bfloat16, prepare)


def chosen_float16(prepare: Prepare = choose_matmul) -> Measured:
    """What this machine takes for float16 weights."""
    return _products(torch.float16, prepare)


def deterministic(prepare: Callable[..., Matmul] = choose_matmul) -> Measured:
    """Tiles of equal shape: right, and the same bits whatever rows come along."""
    weight, bias, x = _operands(torch.float32, 70)
    matmul = prepare(weight, bias, deterministic=True)
    whole = matmul(x)
    for start, stop in ((0, 1), (3, TILE_ROWS + 5), (41, 70)):
        if not torch.equal(matmul(x[start:stop]), whole[start:stop]):
            return Measured("error", f"rows {start} to {stop} have other bits alone than among 70 rows")
    return _against_plain(whole, weight, bias, x)


def _packed(dtype: torch.dtype, prepare: Prepare) -> Measured:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return Measured("warn", "torch was built without oneDNN: plain products are used, which are slower")
    return _products(dtype, prepare)


def _products(dtype: torch.dtype, prepare: Prepare) -> Measured:
    results = []
    for rows in ROWS:
        weight, bias, x = _operands(dtype, rows)
        results.append(_against_plain(prepare(weight, bias)(x), weight, bias, x))
    return worst(results)


def _against_plain(got: Tensor, weight: Tensor, bias: Tensor, x: Tensor) -> Measured:
    wanted = plain.linear(as_float64(x), as_float64(weight), as_float64(bias))
    return compare(got, wanted, ROUNDING[x.dtype] * float(abs(wanted).max()))


def _operands(dtype: torch.dtype, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weight, bias and input whose products are of the size of 1."""
    draw = torch.Generator().manual_seed(rows)
    weight = torch.randn(OUT_FEATURES, IN_FEATURES, generator=draw) / IN_FEATURES**0.5
    bias = torch.randn(OUT_FEATURES, generator=draw)
    x = torch.randn(rows, IN_FEATURES, generator=draw)
    return weight.to(dtype), bias.to(dtype), x.to(dtype)

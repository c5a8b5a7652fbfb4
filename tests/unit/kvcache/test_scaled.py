"""8-bit keys and values: the codecs against torch's own conversions, the pool against what was put in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kvcache.codec import CODECS, FP16_PER_FP8, decode_fp8
from sgl.kvcache.scaled import ScaledPool

PAGE, HEADS, WIDTH = 4, 2, 8
KINDS = pytest.mark.parametrize("kind", ["int8", "fp8_e4m3"])


def make_pool(kind: KvStorage) -> ScaledPool:
    return ScaledPool(
        num_layers=2,
        num_pages=5,
        page_size=PAGE,
        num_kv_heads=HEADS,
        head_dim=WIDTH,
        storage=kind,
        device=torch.device("cpu"),
    )


def rounded(kind: KvStorage, heads: Tensor) -> Tensor:
    """The same rounding by division and torch's conversions."""
    scale = heads.float().abs().amax(-1, keepdim=True) / (127.0 if kind == "int8" else 448.0)
    units = heads.float() / scale
    return (units.round() if kind == "int8" else units.to(torch.float8_e4m3fn).float()) * scale


def test_every_code_of_fp8_is_what_torch_reads() -> None:
    codes = torch.arange(256, dtype=torch.uint8).view(torch.int8).view(1, 256)
    wanted = codes.view(torch.float8_e4m3fn).float()
    numbers = ~wanted.isnan()
    assert int(numbers.sum()) == 254
    got = decode_fp8(codes, torch.full((1,), FP16_PER_FP8))
    assert torch.equal(got[numbers], wanted[numbers])


@KINDS
@pytest.mark.parametrize("size", [1e-30, 1e-3, 1.0, 1e4, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_is_to_the_nearest_whatever_the_size(kind: KvStorage, size: float, dtype: torch.dtype) -> None:
    heads = (torch.randn(50, HEADS, WIDTH, generator=torch.Generator().manual_seed(1)) * size).to(dtype)
    codes, multipliers = CODECS[kind].encode(heads)
    assert (codes.dtype, codes.shape) == (torch.int8, heads.shape)
    assert (multipliers.dtype, multipliers.shape) == (torch.float32, heads.shape[:-1])
    got = CODECS[kind].decode(codes, multipliers)
    torch.testing.assert_close(got, rounded(kind, heads), rtol=1e-5, atol=0.0)
    largest = heads.float().abs().amax(-1, keepdim=True)
    assert bool(((got - heads.float()).abs() <= largest * (0.504 / 127 if kind == "int8" else 0.0359)).all())


@KINDS
def test_zeros_stay_zeros_and_what_is_not_finite_does_not_hide(kind: KvStorage) -> None:
    heads = torch.ones(4, 1, WIDTH)
    heads[0] = 0.0
    heads[1, 0, 3] = torch.nan
    heads[2, 0, 3] = torch.inf
    got = CODECS[kind].decode(*CODECS[kind].encode(heads))
    assert torch.equal(got[0], heads[0])
    assert not got[1, 0, 3].isfinite()
    assert not got[2, 0, 3].isfinite()
    torch.testing.assert_close(got[3], heads[3])


@KINDS
def test_what_was_stored_is_read_where_it_was_put(kind: KvStorage) -> None:
    pool = make_pool(kind)
    draw = torch.Generator().manual_seed(2)
    slots = torch.tensor([9, 4, 17, 22])
    stored = []
    for layer in (1, 0):
        key, value = (torch.randn(4, HEADS, WIDTH, generator=draw) for _ in range(2))
        pool.store(layer, slots, key, value)
        stored.append((layer, key, value))
    for layer, key, value in stored:
        for got, wanted in zip(pool.gather(layer, slots.flip(0)), (key, value), strict=True):
            torch.testing.assert_close(got, rounded(kind, wanted).flip(0))
        for got, wanted in zip(pool.view(layer, 9, 1), (key, value), strict=True):
            assert got.shape == (1, HEADS, 1, WIDTH)
            torch.testing.assert_close(got[0, :, 0], rounded(kind, wanted)[0])


@KINDS
def test_the_padding_page_is_zero(kind: KvStorage) -> None:
    pool = make_pool(kind)
    for layer in (0, 1):
        for states in (*pool.view(layer, 0, PAGE), *pool.gather(layer, torch.zeros(3, dtype=torch.int64))):
            assert torch.equal(states, torch.zeros_like(states))


@KINDS
def test_bytes(kind: KvStorage) -> None:
    assert make_pool(kind).bytes_total == 2 * 2 * (5 + 1) * PAGE * HEADS * (WIDTH + 4)

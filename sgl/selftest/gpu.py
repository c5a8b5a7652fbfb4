"""Kernels of `sgl.kernels.triton` on a device, each against its plain twin on the CPU.

A case takes the device, so that tests run the same cases under Triton's interpreter on a CPU. Kernels are imported
when a case runs: this module must be there without triton. Not yet run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

from sgl.selftest.case import Measured, as_float64, compare, compare_ids, worst

ROUNDING: Final = 1.6e-2
"""Allowed error of bfloat16 relative to the largest element: two roundings, sums being float32."""
PAGE_SIZE: Final = 16


class GpuCase(NamedTuple):
    """One kernel.

    Attributes:
        name: For people, after ``Triton,``.
        run: Computes on a device and plainly, and compares.
    """

    name: str
    run: Callable[[torch.device], Measured]


def norm(device: torch.device) -> Measured:
    """RMSNorm, and the one that adds first."""
    from sgl.kernels.triton.norm import add_rms_norm, rms_norm
    from sgl.kernels.twins import norm as plain

    x, added, weight = _draw(5, 192), _draw(5, 192), _draw(192)
    hidden, plain_hidden = x.to(device), x.clone()
    results = [
        _like(rms_norm(x.to(device), weight.to(device), 1e-5, "rms"), plain.rms_norm(x, weight, 1e-5)),
        _like(
            add_rms_norm(hidden, added.to(device), weight.to(device), 1e-5, "rms"),
            plain.add_rms_norm(plain_hidden, added, weight, 1e-5),
        ),
        _like(hidden, plain_hidden),
    ]
    return worst(results)


def activation(device: torch.device) -> Measured:
    """Gated SiLU and GELU."""
    from sgl.kernels.triton.activation import gated
    from sgl.kernels.twins import activation as plain

    x = _draw(5, 384)
    return worst(_like(gated(x.to(device), kind), plain.gated(x, kind)) for kind in ("silu", "gelu", "gelu_tanh"))


def products(device: torch.device) -> Measured:
    """A product of few rows, with bfloat16 and with 4-bit weights."""
    from sgl.kernels.grouped import pack_int4
    from sgl.kernels.int4 import dequantize
    from sgl.kernels.triton.int4 import w4a16
    from sgl.kernels.triton.skinny import skinny
    from sgl.kernels.twins import skinny as plain

    x, weight, bias = _draw(3, 256), _draw(48, 256) / 16, _draw(48)
    codes = torch.randint(0, 16, (48, 256), generator=_generator(), dtype=torch.uint8)
    scale, zero = torch.rand(48, 2, generator=_generator()) / 64 + 0.01, torch.full((48, 2), 7.0)
    packed = pack_int4(codes.to(device), scale.to(device), zero.to(device), torch.bfloat16)
    narrow = plain.skinny(x, dequantize(codes, scale, zero), bias)
    return worst(
        [
            _like(skinny(x.to(device), weight.to(device), bias.to(device)), plain.skinny(x, weight, bias)),
            _like(w4a16(x.to(device), packed, bias.to(device)), narrow),
        ]
    )


def decode_attention(device: torch.device) -> Measured:
    """One token each for sequences of unlike lengths, over scattered pages."""
    from sgl.kernels.triton.decode_attention import decode_attention as attend
    from sgl.kernels.triton.decode_splits import DecodeWorkspace
    from sgl.kernels.twins.decode_attention import decode_attention as plain

    query, keys, values, table, lengths = _paged(queries=3)
    workspace = DecodeWorkspace.allocate(
        largest_batch=3,
        num_heads=4,
        num_kv_heads=2,
        value_dim=64,
        multiprocessors=_multiprocessors(device),
        device=device,
    )
    there = (each.to(device) for each in (query, keys, values, table, lengths))
    got = attend(*there, page_size=PAGE_SIZE, scale=0.125, workspace=workspace)
    return _like(got, plain(query, keys, values, table, lengths, page_size=PAGE_SIZE, scale=0.125)[0])


def extend_attention(device: torch.device) -> Measured:
    """Prompts of unlike lengths, two of them behind a cached prefix."""
    from sgl.kernels.triton.extend_attention import extend_attention as attend
    from sgl.kernels.twins.extend_attention import extend_attention as plain

    counts = (7, 3, 1)
    query, keys, values, table, lengths = _paged(queries=sum(counts))
    starts = torch.tensor([0, 7, 10, 11], dtype=torch.int32)
    there = (each.to(device) for each in (query, keys, values, table, lengths, starts))
    got = attend(*there, longest_query=max(counts), page_size=PAGE_SIZE, scale=0.125)
    return _like(got, plain(query, keys, values, table, lengths, starts, page_size=PAGE_SIZE, scale=0.125)[0])


def greedy(device: torch.device) -> Measured:
    """The largest logit; the lowest id among equals."""
    from sgl.kernels.triton.argmax import greedy as draw
    from sgl.kernels.twins.argmax import greedy as plain

    logits = torch.randn(4, 301, generator=_generator())
    logits[1, [30, 90, 150]] = 50.0
    return compare_ids(draw(logits.to(device))[0].tolist(), plain(logits)[0].tolist())


GPU_CASES: Final = (
    GpuCase("norm", norm),
    GpuCase("activation", activation),
    GpuCase("products", products),
    GpuCase("decode attention", decode_attention),
    GpuCase("prompt attention", extend_attention),
    GpuCase("greedy", greedy),
)
"""In the order in which they are run and reported."""


def _like(got: Tensor, wanted: Tensor) -> Measured:
    return compare(got.cpu(), as_float64(wanted), ROUNDING * float(wanted.abs().max()))


def _paged(queries: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Queries [queries, 4, 64], a pool of 2 KV heads that three sequences share, its page table and their lengths.

    What no sequence may read is NaN.
    """
    lengths = torch.tensor([7, 40, 19], dtype=torch.int32)
    table = torch.tensor([[5, 0, 0], [2, 7, 1], [6, 3, 0]], dtype=torch.int32)
    keys, values = (torch.full((9 * PAGE_SIZE, 2, 64), torch.nan, dtype=torch.bfloat16) for _ in range(2))
    for row, length in zip(table.tolist(), lengths.tolist(), strict=True):
        slots = [row[at // PAGE_SIZE] * PAGE_SIZE + at % PAGE_SIZE for at in range(length)]
        keys[slots], values[slots] = _draw(length, 2, 64), _draw(length, 2, 64, seed=length)
    return _draw(queries, 4, 64), keys, values, table, lengths


def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 4


def _draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=_generator(seed)).to(torch.bfloat16)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(11 + seed)

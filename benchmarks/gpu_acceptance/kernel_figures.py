"""What single kernels and the machine itself reach: its ceilings, decode attention (G11), int4 products (G12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import torch

from benchmarks.gpu_acceptance.goals import ATTENTION_LENGTHS, COPY, KILO, PRODUCT
from benchmarks.gpu_acceptance.paged import PAGE_SIZE
from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.rows import Figure
from benchmarks.gpu_acceptance.timing import HOW, kernel_seconds

COPIED: Final = 2 * 2**30
"""Bytes: far more than any cache holds."""
COPIES: Final = 4
"""Weights of their own that products take in turns: together larger than the L2 cache."""


def ceilings(place: Place) -> Iterator[Figure]:
    """A copy within the device's memory, read and written bytes counted; a product of 8192 x 8192 x 8192."""
    source = torch.randint(-128, 128, (place.pick(COPIED, 2**16),), dtype=torch.int8, device=place.device)
    target = torch.empty_like(source)
    seconds = kernel_seconds(place, [partial(target.copy_, source)], repetitions=place.repeats(20, 5))
    yield Figure(COPY, tuple(2 * source.numel() / each / 1e9 for each in seconds), "GB/s", HOW)
    del source, target
    edge = place.pick(8192, 64)
    left, right = (torch.randn(edge, edge, device=place.device).to(place.dtype) for _ in range(2))
    out = torch.empty_like(left)
    seconds = kernel_seconds(place, [partial(torch.mm, left, right, out=out)], repetitions=place.repeats(20, 5))
    yield Figure(PRODUCT, tuple(2 * edge**3 / each / 1e12 for each in seconds), "TFLOP/s", HOW)


def attention(place: Place) -> Iterator[Figure]:
    """G11: one query of 64 sequences each, Llama 3.1 8B's heads, in GB/s of the KV cache that is read."""
    from sgl.kernels.triton.decode_attention import decode_attention
    from sgl.kernels.triton.decode_splits import DecodeWorkspace

    batch, heads, kept, dim = place.pick((64, 32, 8, 128), (2, 4, 2, 16))
    workspace = DecodeWorkspace.allocate(
        largest_batch=batch,
        num_heads=heads,
        num_kv_heads=kept,
        value_dim=dim,
        multiprocessors=place.multiprocessors,
        device=place.device,
    )
    query = torch.randn(batch, heads, dim, device=place.device).to(place.dtype)
    out = torch.empty_like(query)
    for kilo in ATTENTION_LENGTHS:
        length = place.pick(kilo * KILO, PAGE_SIZE)
        pages = length // PAGE_SIZE
        table = (1 + torch.randperm(batch * pages, device=place.device)).to(torch.int32).view(batch, pages)
        keys, values = (
            torch.randn((batch * pages + 1) * PAGE_SIZE, kept, dim, device=place.device, dtype=place.dtype)
            for _ in range(2)
        )
        lengths = torch.full((batch,), length, dtype=torch.int32, device=place.device)
        run = partial(
            decode_attention,
            query,
            keys,
            values,
            table,
            lengths,
            page_size=PAGE_SIZE,
            scale=dim**-0.5,
            workspace=workspace,
            out=out,
        )
        seconds = kernel_seconds(place, [run], repetitions=place.repeats(20, 5), inner=4)
        read = 2 * batch * length * kept * dim * keys.itemsize
        yield Figure(f"G11 {kilo}k", tuple(read / each / 1e9 for each in seconds), "GB/s", f"{HOW}; 4 runs a sample")
        del keys, values, run


def int4(place: Place) -> Iterator[Figure]:
    """G12: a weight of 28672 x 4096 in groups of 128, against the product of torch (cuBLAS) in bfloat16."""
    from sgl.kernels.grouped import PackedInt4, pack_int4
    from sgl.kernels.triton.int4 import w4a16

    outputs, columns, group = place.pick((28672, 4096, 128), (32, 128, 64))
    packed: list[PackedInt4] = []
    for _ in range(place.pick(COPIES, 1)):
        codes = torch.randint(0, 16, (outputs, columns), dtype=torch.uint8, device=place.device)
        scale = torch.rand(outputs, columns // group, device=place.device) / 64 + 0.01
        zero = torch.randint(0, 16, scale.shape, device=place.device).float()
        packed.append(pack_int4(codes, scale, zero, place.dtype))
    weights = [torch.randn(outputs, columns, device=place.device).to(place.dtype) for _ in packed]
    repetitions = place.repeats(30, 5)
    for rows in (1, 16):
        x = torch.randn(rows, columns, device=place.device).to(place.dtype)
        ours: list[Callable[[], Any]] = [partial(w4a16, x, each) for each in packed]
        plain: list[Callable[[], Any]] = [partial(torch.nn.functional.linear, x, each) for each in weights]
        narrow = kernel_seconds(place, ours, repetitions=repetitions, inner=2)
        wide = kernel_seconds(place, plain, repetitions=repetitions, inner=2)
        ratios = tuple(theirs / mine for mine, theirs in zip(narrow, wide, strict=True))
        read = outputs * columns / 2 / sorted(narrow)[len(narrow) // 2] / 1e9
        how = f"{HOW}; {len(packed)} weights in turns; int4 codes at {read:.0f} GB/s"
        yield Figure(f"G12 {rows}", ratios, "x", how)

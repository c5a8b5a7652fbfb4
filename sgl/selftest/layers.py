"""RMSNorm, rotary embedding, and storing keys and values."""

from __future__ import annotations

import numpy as np
import torch

from sgl.config.layout.weight import Norm
from sgl.config.rope import RopeConfig
from sgl.kvcache.pool import KVPool
from sgl.layers.norm import RMSNorm
from sgl.layers.rope import Rope
from sgl.selftest import plain
from sgl.selftest.case import Measured, as_float64, compare, worst
from sgl.weights.slot import Placement

CPU = torch.device("cpu")


def norm_float32(layer: type[RMSNorm] = RMSNorm) -> Measured:
    """In float32."""
    return _norm(layer, torch.float32, 1e-5)


def norm_bfloat16(layer: type[RMSNorm] = RMSNorm) -> Measured:
    """bfloat16 in and out, float32 in between."""
    return _norm(layer, torch.bfloat16, 4e-2)


def _norm(layer: type[RMSNorm], dtype: torch.dtype, allowed: float) -> Measured:
    size, eps = 192, 1e-5
    draw = torch.Generator().manual_seed(3)
    norm = layer(Norm("norm", size), eps, Placement(dtype, CPU))
    (slot,) = norm.slots()
    slot.target.copy_(torch.rand(size, generator=draw) + 0.5)
    x = torch.randn(9, size, generator=draw).to(dtype)
    return compare(norm.forward(x), plain.rms_norm(as_float64(x), as_float64(slot.target), eps), allowed)


def rope(layer: type[Rope] = Rope) -> Measured:
    """Near and far positions."""
    theta, head_dim = 10000.0, 64
    positions = torch.tensor([0, 1, 2, 100, 1023])
    heads = torch.randn(len(positions), 3, head_dim, generator=torch.Generator().manual_seed(4))
    rotation = layer(RopeConfig(theta=theta), head_dim, 1024, CPU)
    got = rotation.at(positions, torch.float32).turn(heads)
    # An angle of some hundred radians has an error of 2**-16 in float32, as in every implementation.
    return compare(got, plain.rotate(as_float64(heads), positions.numpy(), theta), 5e-4)


def kv_store(pool_type: type[KVPool] = KVPool) -> Measured:
    """What was stored is read where it was put; the padding page stays zero; other layers are untouched."""
    page_size, pages, width = 16, 4, (2, 8)
    pool = pool_type(
        num_layers=2,
        num_pages=pages,
        page_size=page_size,
        num_kv_heads=width[0],
        head_dim=width[1],
        dtype=torch.float32,
        device=CPU,
    )
    for tensor in (*pool.keys, *pool.values):
        tensor[page_size:] = 7.0
    slots = torch.tensor([70, 16, 33, 79])
    draw = torch.Generator().manual_seed(5)
    key, value = (torch.randn(len(slots), *width, generator=draw) for _ in range(2))
    pool.store(1, slots, key, value)
    results = []
    for layer, got, new in ((0, pool.keys, None), (0, pool.values, None), (1, pool.keys, key), (1, pool.values, value)):
        wanted = np.full(((pages + 1) * page_size, *width), 7.0)
        wanted[:page_size] = 0.0
        if new is not None:
            for slot, row in zip(slots.tolist(), as_float64(new), strict=True):
                wanted[slot] = row
        results.append(compare(got[layer], wanted, 0.0))
    return worst(results)

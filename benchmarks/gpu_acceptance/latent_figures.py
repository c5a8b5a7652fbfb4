"""What a long prompt takes of one layer of DeepSeek V3's attention, expanded and absorbed: the choice counts only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import torch

from benchmarks.gpu_acceptance.goals import KILO
from benchmarks.gpu_acceptance.paged import PAGE_SIZE
from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.rows import Figure
from benchmarks.gpu_acceptance.timing import HOW, kernel_seconds
from sgl.config.latent import LatentConfig
from sgl.config.latent_room import LatentRoom

WIDTHS: Final = LatentConfig(q_rank=None, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
"""Of DeepSeek V2 and V3."""
SMALL: Final = LatentConfig(q_rank=None, kv_rank=32, nope_dim=8, rope_dim=16, value_dim=8)
PREFIXES: Final = (0, 24)
"""Cached tokens in front of the new ones, in units of 1,024."""


def latent(place: Place) -> Iterator[Figure]:
    """8,192 new tokens, products with the matrix included, in TFLOP/s of what the definition multiplies."""
    widths, heads = place.pick((WIDTHS, 128), (SMALL, 2))
    count = place.pick(8 * KILO, 2 * PAGE_SIZE)
    for kilo in PREFIXES:
        prefix = place.pick(kilo * KILO, PAGE_SIZE if kilo else 0)
        pairs = count * prefix + count * (count + 1) // 2
        operations = 2 * heads * pairs * widths.expanded_width
        expanded, absorbed = (_seconds(place, widths, heads, count, prefix, expands) for expands in (True, False))
        for way, seconds in (("expanded", expanded), ("absorbed", absorbed)):
            rates = tuple(operations / each / 1e12 for each in seconds)
            yield Figure(f"latent {way}, {kilo}k cached", rates, "TFLOP/s", HOW)
        ratios = tuple(slow / fast for fast, slow in zip(expanded, absorbed, strict=True))
        yield Figure(f"latent absorbed/expanded, {kilo}k cached", ratios, "x", HOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forced(LatentRoom):
    """Decides without counting."""

    forced: bool

    def expands(self, count: int, context: int) -> bool:
        """The same for all."""
        return self.forced


def _seconds(
    place: Place, widths: LatentConfig, heads: int, count: int, prefix: int, expands: bool
) -> tuple[float, ...]:
    from sgl.attention.triton_latent import TritonLatentAttention
    from sgl.batch.paged import HostLayout, PagedBatch
    from sgl.kernels.latent import KvUp
    from sgl.kvcache.latent import LatentPool

    context = prefix + count
    pages = -(-context // PAGE_SIZE)
    device: dict[str, Any] = {"dtype": place.dtype, "device": place.device}
    pool = LatentPool(num_layers=1, num_pages=pages, page_size=PAGE_SIZE, width=widths.cached_width, **device)
    pool.vectors[0].normal_()
    table = (1 + torch.randperm(pages, device=place.device)).to(torch.int32)
    at = torch.arange(prefix, context, device=place.device)
    lengths = HostLayout(np.array([context], dtype=np.int32), np.array([count], dtype=np.int32))
    batch = PagedBatch(
        slots=table[at // PAGE_SIZE].long() * PAGE_SIZE + at % PAGE_SIZE,
        page_table=table.unsqueeze(0),
        seq_lens=torch.tensor([context], dtype=torch.int32, device=place.device),
        cu_q=torch.tensor([0, count], dtype=torch.int32, device=place.device),
        decodes=0,
        longest_query=count,
        host=lengths,
    )
    planned = TritonLatentAttention(
        pool,
        room=_Forced(latent=widths, heads=heads, longest=context, batch=1, forced=expands),
        page_size=PAGE_SIZE,
        scale=None,
        multiprocessors=place.multiprocessors,
        deterministic=False,
        dependent=False,
        device=place.device,
    ).plan(batch)
    matrix = torch.randn(heads * (widths.nope_dim + widths.value_dim), widths.kv_rank, **device) / widths.kv_rank**0.5
    up = KvUp(matrix, heads, widths.nope_dim, deterministic=False)
    query = torch.randn(count, heads, widths.nope_dim + widths.rope_dim, **device)
    vectors = torch.randn(count, widths.cached_width, **device)
    run = partial(planned.forward, 0, query, vectors, up)
    return kernel_seconds(place, [run], repetitions=place.repeats(10, 3))

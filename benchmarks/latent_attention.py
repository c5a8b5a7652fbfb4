"""Absorbed against expanded latent attention, one layer of DeepSeek's widths with random weights, on this CPU.

``python -m benchmarks.latent_attention [--heads 16] [--threads 1] [--dtype float32]`` prints milliseconds per layer for
new tokens after a cached prefix, and which form `sgl.attention.latent` chooses.
"""

from __future__ import annotations

import argparse
import time
from typing import Final

import torch

from sgl.attention.latent import CpuLatentAttention
from sgl.batch.context import Span
from sgl.config.latent import LatentConfig
from sgl.kernels.latent import KvUp
from sgl.kvcache.latent import LatentPool

WIDTHS: Final = LatentConfig(q_rank=None, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
"""Of DeepSeek-V2, V2-Lite and V3."""
SHAPES: Final = ((1024, 1), (4096, 1), (1024, 64), (1024, 256), (4096, 64), (4096, 256), (0, 64), (0, 512))
"""Cached prefix, new tokens."""
SECONDS: Final = 1.0
"""Each shape is repeated for so long, and at least three times."""


def measure(backend: CpuLatentAttention, up: KvUp, heads: int, prefix: int, count: int) -> float:
    """The median time of one call, in milliseconds."""
    dtype = backend.pool.dtype
    query = torch.randn(count, heads, WIDTHS.nope_dim + WIDTHS.rope_dim).to(dtype)
    latent = torch.randn(count, WIDTHS.cached_width).to(dtype)
    span = Span(0, count, prefix, ((1, prefix + count),))
    planned = backend.plan([span], torch.arange(prefix + 1, prefix + count + 1))
    planned.forward(0, query, latent, up)
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 3:
        begun = time.perf_counter()
        planned.forward(0, query, latent, up)
        times.append(time.perf_counter() - begun)
    return 1000 * sorted(times)[len(times) // 2]


@torch.inference_mode()
def main() -> None:
    """Prints one line for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dtype, heads = getattr(torch, arguments.dtype), arguments.heads
    longest = max(prefix + count for prefix, count in SHAPES)
    pool = LatentPool(
        num_layers=1,
        num_pages=longest,
        page_size=1,
        width=WIDTHS.cached_width,
        dtype=dtype,
        device=torch.device("cpu"),
    )
    pool.vectors[0].normal_()
    weight = torch.randn(heads * (WIDTHS.nope_dim + WIDTHS.value_dim), WIDTHS.kv_rank) / WIDTHS.kv_rank**0.5
    up = KvUp(weight.to(dtype), heads, WIDTHS.nope_dim, deterministic=False)
    backend = CpuLatentAttention(pool, latent=WIDTHS, heads=heads, scale=None, deterministic=False)
    for prefix, count in SHAPES:
        chosen = "expanded" if backend.expands(Span(0, count, prefix, ())) else "absorbed"
        times = []
        for form in ("absorbed", "expanded"):
            forced = CpuLatentAttention(pool, latent=WIDTHS, heads=heads, scale=None, deterministic=False)
            forced.expands = lambda span, form=form: form == "expanded"  # type: ignore[method-assign, misc]
            times.append(measure(forced, up, heads, prefix, count))
        print(f"{prefix:5} + {count:3}: absorbed {times[0]:8.2f} ms, expanded {times[1]:8.2f} ms; {chosen} is chosen")


if __name__ == "__main__":
    main()

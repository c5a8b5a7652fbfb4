"""Attention over pages on the device against its twins on the CPU, in every form that models ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.gpu_acceptance.paged import PAGE_SIZE, Paged, draw, generator, paged
from benchmarks.gpu_acceptance.place import Place
from sgl.selftest.case import Measured, as_float64, compare, worst
from sgl.selftest.gpu import ROUNDING

FORMS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "window": {"window": 9},
    "soft cap": {"softcap": 20.0},
    "sinks": {"sinks": True},
    "int8": {"storage": "int8"},
    "fp8": {"storage": "fp8_e4m3"},
    "all heads": {"heads": (8, 8)},
    "wide": {"dim": 256},
}
"""What differs from grouped queries of common width."""


def like(got: Tensor, wanted: Tensor) -> Measured:
    """Compares with a twin's float32, relative to its largest element."""
    return compare(got.cpu(), as_float64(wanted), ROUNDING * float(wanted.abs().max()))


def decode(form: str) -> Callable[[Place], Measured]:
    """One query a sequence."""

    def run(place: Place) -> Measured:
        from sgl.kernels.triton.decode_attention import decode_attention
        from sgl.kernels.twins.decode_attention import decode_attention as twin

        lengths = place.pick((1, 16, 17, 300, 1000), (1, 20))
        case, heads = case_of(place, form, lengths, (1,) * len(lengths))
        there = case.on(place.device)
        keys, values, table, lens = there.pool
        wanted = twin_of(twin, case)
        workspace = workspace_for(place, len(lengths), heads, case.query.shape[-1])
        return like(
            decode_attention(there.query, keys, values, table, lens, workspace=workspace, **there.given), wanted
        )

    return run


def extend(form: str) -> Callable[[Place], Measured]:
    """Several queries a sequence, some behind a cached prefix."""

    def run(place: Place) -> Measured:
        from sgl.kernels.triton.extend_attention import extend_attention
        from sgl.kernels.twins.extend_attention import extend_attention as twin

        lengths = place.pick((7, 40, 130, 513), (5, 20))
        counts = place.pick((7, 1, 130, 65), (5, 3))
        case, _ = case_of(place, form, lengths, counts)
        there = case.on(place.device)
        keys, values, table, lens = there.pool
        wanted = twin_of(twin, case, case.starts)
        paging = {**there.given, "longest_query": case.longest}
        return like(extend_attention(there.query, keys, values, table, lens, there.starts, **paging), wanted)

    return run


def latent(place: Place) -> Measured:
    """DeepSeek's compressed vectors: prompts, and one query a sequence."""
    from sgl.kernels.triton.latent import LatentLayer
    from sgl.kernels.triton.latent_attention import latent_attention
    from sgl.kernels.triton.latent_decode import latent_decode, latent_workspace
    from sgl.kernels.twins.latent_attention import latent_attention as twin

    heads, rank, rope = place.pick((128, 512, 64), (4, 32, 16))
    lengths, counts = place.pick((1, 40, 300), (1, 20)), place.pick((1, 9, 70), (1, 3))
    results = []
    for queries in (counts, (1,) * len(lengths)):
        case = paged(place, lengths, queries, heads=(heads, 1), dim=rank + rope)
        there = case.on(place.device)
        vectors, here = there.pool[0].squeeze(1), case.pool[0].squeeze(1)
        paging: dict[str, Any] = {"page_size": PAGE_SIZE, "scale": 0.1}
        wanted = twin(case.query, here, rank, *case.pool[2:], case.starts, **paging)
        layer = LatentLayer.plain(vectors, rank)
        got = latent_attention(there.query, layer, *there.pool[2:], there.starts, **paging)
        results.append(like(got, wanted))
    workspace = latent_workspace(
        largest_batch=len(lengths),
        heads=heads,
        rank=rank,
        multiprocessors=place.multiprocessors,
        device=place.device,
    )
    results.append(like(latent_decode(there.query, layer, *there.pool[2:], workspace=workspace, **paging), wanted))
    return worst(results)


def latent_expanded(place: Place) -> Measured:
    """The same with keys and values by heads: gathered, and attended to by prompts, some behind a cached prefix."""
    from sgl.kernels.triton.latent import LatentLayer
    from sgl.kernels.triton.latent_expanded import expanded_attention
    from sgl.kernels.triton.latent_gather import gather_latents
    from sgl.kernels.twins.latent_expanded import expanded_attention as twin
    from sgl.kernels.twins.latent_expanded import gather_latents as gather_twin

    heads, rank, rope, wide = place.pick((16, 512, 64, 128), (3, 32, 16, 16))
    lengths, counts = place.pick((7, 40, 300, 700), (5, 20)), place.pick((7, 9, 300, 130), (5, 3))
    case = paged(place, lengths, counts, heads=(heads, 1), dim=wide + rope)
    cached = paged(place, lengths, counts, heads=(1, 1), dim=rank + rope)
    there = cached.on(place.device)
    starts = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
    compressed, positional = (torch.empty(sum(lengths), size, dtype=place.dtype) for size in (rank, rope))
    compressed, positional = compressed.to(place.device), positional.to(place.device)
    layer = LatentLayer.plain(there.pool[0].squeeze(1), rank)
    paging: dict[str, Any] = {"page_size": PAGE_SIZE, "compressed": compressed, "positional": positional}
    gather_latents(layer, *there.pool[2:], starts.to(place.device), first=0, **paging)
    vectors = gather_twin(cached.pool[0].squeeze(1), *cached.pool[2:], page_size=PAGE_SIZE)
    results = [like(torch.cat([compressed, positional], dim=1), vectors.float())]
    keys, values = (draw(place, heads, sum(lengths), wide, seed=seed) for seed in (6, 7))
    given = (case.query, keys, vectors[:, rank:].contiguous(), values, case.pool[3], case.starts, starts)
    query, *others = (each.to(place.device) for each in given)
    out = torch.empty(len(query), heads, wide, dtype=place.dtype, device=place.device)
    keys, shared, values, seq_lens, cu_q, cu_k = others
    expanded_attention(
        query, keys, shared, values, seq_lens, cu_q, cu_k, longest_query=case.longest, scale=0.1, out=out
    )
    return worst([*results, like(out, twin(*given, scale=0.1))])


def merged(place: Place) -> Measured:
    """Two softmaxes over parts become the one over both."""
    from sgl.kernels.triton.merge import merge_states
    from sgl.kernels.twins.merge import merge_states as twin

    heads, dim = place.pick((32, 128), (2, 16))
    parts = [draw(place, 5, heads, dim, seed=1), torch.randn(5, heads, generator=generator(2))]
    parts += [draw(place, 5, heads, dim, seed=3), torch.randn(5, heads, generator=generator(4))]
    got = merge_states(*(part.to(place.device) for part in parts))
    return worst(like(mine, theirs) for mine, theirs in zip(got, twin(*parts), strict=True))


def twin_of(twin: Any, case: Paged, *starts: Tensor) -> Tensor:
    """Its results, without the log-sum-exps beside them."""
    found: Tensor = twin(case.query, *case.pool, *starts, **case.given)[0]
    return found


def case_of(
    place: Place, form: str, lengths: tuple[int, ...], counts: tuple[int, ...]
) -> tuple[Paged, tuple[int, int]]:
    """A batch with what its form asks for, and its heads."""
    options = dict(FORMS[form])
    heads = place.pick((32, 8), (4, 2))
    if "heads" in options:
        heads = place.pick(options.pop("heads"), (2, 2))
    dim = place.pick(options.pop("dim", 128), 16)
    case = paged(place, lengths, counts, heads=heads, dim=dim, storage=options.pop("storage", None))
    if options.get("sinks"):
        options["sinks"] = draw(place, heads[0], seed=5).float()
    case.given.update(options)
    return case, heads


def workspace_for(place: Place, batch: int, heads: tuple[int, int], dim: int) -> Any:
    """Of decode attention."""
    from sgl.kernels.triton.decode_splits import DecodeWorkspace

    return DecodeWorkspace.allocate(
        largest_batch=batch,
        num_heads=heads[0],
        num_kv_heads=heads[1],
        value_dim=dim,
        multiprocessors=place.multiprocessors,
        device=place.device,
    )

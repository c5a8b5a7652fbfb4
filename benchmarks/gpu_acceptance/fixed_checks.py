"""Attention of deterministic mode on the device: near its twins, and the same bits by whichever way a token comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.gpu_acceptance.attention_checks import case_of, like, twin_of
from benchmarks.gpu_acceptance.paged import PAGE_SIZE, Paged, paged
from benchmarks.gpu_acceptance.place import Place
from sgl.selftest.case import Measured, worst

TIMES: Final = 3
"""The same step again and again: a kernel that does not wait for the one in front shows as a difference."""


def fixed(form: str) -> Callable[[Place], Measured]:
    """Ends of sequences of several splits: as prompts, then row by row, together and alone."""

    def run(place: Place) -> Measured:
        from sgl.kernels.triton.fixed_attention import fixed_attention
        from sgl.kernels.triton.fixed_splits import FixedWorkspace
        from sgl.kernels.twins.fixed_attention import fixed_attention as twin

        lengths, counts = place.pick((2600, 300, 1024), (40, 5)), place.pick((70, 33, 1), (2, 1))
        case, heads = case_of(place, form, lengths, counts)
        there = case.on(place.device)
        keys, values, table, lens = there.pool
        workspace = FixedWorkspace.allocate(
            largest_batch=max(counts), num_heads=heads[0], value_dim=case.query.shape[2],
            multiprocessors=place.multiprocessors, device=place.device,
        )  # fmt: skip

        def attend(query: Tensor, table: Tensor, lens: Tensor, starts: Tensor, single: bool) -> Tensor:
            given = {**there.given, "workspace": workspace, "single": single}
            return fixed_attention(query, keys, values, table, lens, starts, **given)

        prompts = attend(there.query, table, lens, there.starts, False)
        return worst(
            [like(prompts, twin_of(twin, case, case.starts)), _by_rows(place, prompts, there, counts[0], attend)]
        )

    return run


def fixed_latent(place: Place) -> Measured:
    """The same of DeepSeek's compressed vectors."""
    from sgl.kernels.triton.fixed_latent import fixed_latent
    from sgl.kernels.triton.fixed_splits import FixedWorkspace
    from sgl.kernels.triton.latent import LatentLayer
    from sgl.kernels.twins.latent_attention import latent_attention as twin

    heads, rank, rope = place.pick((128, 512, 64), (4, 32, 16))
    lengths, counts = place.pick((2600, 300), (40, 5)), place.pick((20, 33), (2, 1))
    case = paged(place, lengths, counts, heads=(heads, 1), dim=rank + rope)
    there = case.on(place.device)
    paging: dict[str, Any] = {"page_size": PAGE_SIZE, "scale": 0.1}
    wanted = twin(case.query, case.pool[0].squeeze(1), rank, *case.pool[2:], case.starts, **paging)
    layer = LatentLayer.plain(there.pool[0].squeeze(1), rank)
    paging["workspace"] = FixedWorkspace.allocate(
        largest_batch=max(counts), num_heads=heads, value_dim=rank, multiprocessors=place.multiprocessors,
        device=place.device,
    )  # fmt: skip

    def attend(query: Tensor, table: Tensor, lens: Tensor, starts: Tensor, single: bool) -> Tensor:
        return fixed_latent(query, layer, table, lens, starts, single=single, **paging)

    prompts = attend(there.query, *there.pool[2:], there.starts, False)
    return worst([like(prompts, wanted), _by_rows(place, prompts, there, counts[0], attend)])


def _by_rows(place: Place, prompts: Tensor, there: Paged, count: int, attend: Callable[..., Tensor]) -> Measured:
    """The first sequence's rows as single tokens: a batch of all, and the last one alone, each several times."""
    table, lens = there.pool[2][:1], there.pool[3][:1]
    behind = torch.arange(count - 1, -1, -1, dtype=torch.int32, device=table.device)
    starts = torch.arange(count + 1, dtype=torch.int32, device=table.device)
    for number in range(place.pick(TIMES, 1)):
        rows = attend(there.query[:count], table.expand(count, -1).contiguous(), lens - behind, starts, True)
        alone = attend(there.query[count - 1 : count], table, lens, starts[:2], True)
        if not torch.equal(rows, prompts[:count]):
            differing = int((rows != prompts[:count]).flatten(1).any(1).sum())
            return Measured("error", f"run {number}: {differing} of {count} rows by themselves have other bits")
        if not torch.equal(alone, prompts[count - 1 : count]):
            return Measured("error", f"run {number}: a row alone has other bits than in its prompt")
    return Measured("ok", "the same bits as prompts and as single tokens")

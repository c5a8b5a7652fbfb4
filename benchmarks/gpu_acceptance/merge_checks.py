"""Splits of decode attention, put together by the last program of the kernel that computes them.

A fence that is missing shows now and then only, and not at all where memory still holds the right parts from the last
time: so the workspace is NaN before each of many runs, and all must have the same bits.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from benchmarks.gpu_acceptance.attention_checks import case_of, like, workspace_for
from benchmarks.gpu_acceptance.place import Place
from sgl.selftest.case import Measured, worst


def repeated(place: Place) -> Measured:
    """Over and over, for one sequence with all splits and for several; and what a kernel of its own makes of them."""
    from sgl.kernels.triton.decode_attention import decode_attention

    results = []
    for lengths in place.pick(((8000,), (8000, 1, 300, 4100)), ((40,), (40, 1))):
        case, heads = case_of(place, "sinks", lengths, (1,) * len(lengths))
        there = case.on(place.device)
        workspace = workspace_for(place, len(lengths), heads, case.query.shape[-1])
        attend = partial(decode_attention, there.query, *there.pool, **there.given)
        wanted = attend(workspace=replace(workspace, arrivals=None)).float().cpu()
        first = attend(workspace=workspace)
        results.append(like(first, wanted))
        for run in range(place.pick(300, 2)):
            workspace.partial.fill_(torch.nan)
            workspace.sums.fill_(torch.nan)
            if not torch.equal(attend(workspace=workspace), first):
                return Measured(
                    "error", f"run {run + 1} on sequences of {lengths} tokens has other bits than the first"
                )
    return worst(results)

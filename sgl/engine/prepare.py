"""A `Batch` becomes tensors: what the forward pass reads, and which rows lead to which tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sgl.batch.batch import Batch, Entry
from sgl.batch.context import Span
from sgl.kvcache.rows import PageRows


@dataclass(frozen=True, slots=True)
class Inputs:
    """One step's inputs.

    Attributes:
        token_ids: int64 [tokens].
        positions: int64 [tokens].
        slots: int64 [tokens], where each token's K and V go.
        spans: One per entry.
        draw_rows: int64 [drawn tokens], the batch rows whose logits are drawn from; None when that is every
            row in order (a pure decode step).
    """

    token_ids: Tensor
    positions: Tensor
    slots: Tensor
    spans: tuple[Span, ...]
    draw_rows: Tensor | None


def prepare(batch: Batch, rows: PageRows) -> Inputs:
    """Lays the entries out one after another."""
    ids, positions, slots = [], [], []
    spans: list[Span] = []
    draw_rows: list[int] = []
    at = 0
    for entry in batch.entries:
        ids.append(entry.request.token_ids[entry.start : entry.stop])
        if entry.drafts:
            ids.append(np.asarray(entry.drafts, dtype=np.int32))
        positions.append(np.arange(entry.start, entry.stop, dtype=np.int64))
        slots.append(rows.slots(entry.lease.row, entry.start, entry.stop))
        spans.append(Span(at, entry.count, entry.start, tuple(rows.runs(entry.lease.row, 0, entry.stop))))
        at += entry.count
        draw_rows.extend(range(at - entry.draw_count, at))
    every = len(draw_rows) == at
    return Inputs(
        token_ids=torch.from_numpy(np.concatenate(ids).astype(np.int64)),
        positions=torch.from_numpy(np.concatenate(positions)),
        slots=torch.from_numpy(np.concatenate(slots)),
        spans=tuple(spans),
        draw_rows=None if every else torch.tensor(draw_rows, dtype=torch.int64),
    )


def prompt_targets(entry: Entry) -> tuple[int, list[int]] | None:
    """Which rows of an entry score prompt tokens: (offset of the first row, the tokens they score).

    The logits at position p score the token at p + 1, as long as that is a prompt token.
    """
    if entry.logprobs_from is None:
        return None
    first = max(entry.logprobs_from, entry.start)
    last = min(entry.stop, entry.request.prompt_tokens - 1)
    if first >= last:
        return None
    return first - entry.start, entry.request.token_ids[first + 1 : last + 1].tolist()

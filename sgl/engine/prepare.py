"""A `Batch` becomes tensors: what the forward pass reads, and which rows lead to which tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sgl.batch.batch import Batch, Entry
from sgl.batch.context import Span
from sgl.kvcache.rows import PageRows

Column = npt.NDArray[np.int64]
"""One value per token of the batch."""


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
    """Lays the entries out one after another.

    Raises:
        ValueError: A token is not known here: only a runner that overlaps steps may be given such an entry.
    """
    if any(entry.future for entry in batch.entries):
        raise ValueError("a token of the batch is still being drawn; this runner computes one step at a time")
    token_ids, positions, slots = _decode_columns(batch, rows) if batch.decode_only else _columns(batch, rows)
    spans: list[Span] = []
    draw_rows: list[int] = []
    at = 0
    for entry in batch.entries:
        spans.append(Span(at, entry.count, entry.start, tuple(rows.runs(entry.lease.row, 0, entry.stop))))
        at += entry.count
        draw_rows.extend(range(at - entry.draw_count, at))
    every = len(draw_rows) == at
    return Inputs(
        token_ids=torch.from_numpy(token_ids),
        positions=torch.from_numpy(positions),
        slots=torch.from_numpy(slots),
        spans=tuple(spans),
        draw_rows=None if every else torch.tensor(draw_rows, dtype=torch.int64),
    )


def _columns(batch: Batch, rows: PageRows) -> tuple[Column, Column, Column]:
    """Token ids, positions and slots of any batch."""
    ids: list[npt.NDArray[np.int32]] = []
    for entry in batch.entries:
        ids.append(entry.request.token_ids[entry.start : entry.stop])
        if entry.drafts:
            ids.append(np.asarray(entry.drafts, dtype=np.int32))
    positions = [np.arange(entry.start, entry.stop, dtype=np.int64) for entry in batch.entries]
    slots = [rows.slots(entry.lease.row, entry.start, entry.stop) for entry in batch.entries]
    return np.concatenate(ids).astype(np.int64), np.concatenate(positions), np.concatenate(slots)


def _decode_columns(batch: Batch, rows: PageRows) -> tuple[Column, Column, Column]:
    """The same where every entry is one token: no array per entry, because this runs at every decode step."""
    entries = batch.entries
    ids = [int(entry.request.token_ids[entry.start]) for entry in entries]
    positions = np.array([entry.start for entry in entries], dtype=np.int64)
    pages = rows.table[[entry.lease.row for entry in entries], positions // rows.page_size].astype(np.int64)
    return np.array(ids, dtype=np.int64), positions, pages * rows.page_size + positions % rows.page_size


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

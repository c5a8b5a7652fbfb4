"""Logits in, token ids out. `sgl.sampling` states what is computed; this file how, for a whole batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgl.protocol.messages import TokenLogprob
from sgl.sampling.arrays import DrawGroup, DrawParameters, SamplingBatch
from sgl.sampling.logprobs import row_blocks, token_logprobs
from sgl.sampling.nucleus import draw_truncated
from sgl.sampling.penalties import forbid
from sgl.sampling.weights import pick, weigh

_Method = Callable[[Tensor, Tensor, DrawParameters, Sequence[int]], list[int]]
"""Draws one id per row of logits [n, V] float32, given their maxima [n, 1], parameters and random bits."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """One token per row.

    Attributes:
        token_ids: What was chosen; 0, which is a valid id but means nothing, where ``finite`` is False.
        finite: False for a row that holds NaN or +inf, has no finite logit, or is left without one by masks.
            Its request has failed; the other rows are what they would be without it.
        logprobs: For rows that want them and are finite, else None.
    """

    token_ids: list[int]
    finite: list[bool]
    logprobs: list[TokenLogprob | None]


def sample(logits: Tensor, batch: SamplingBatch, allowed: Tensor | None = None) -> Sampled:
    """Chooses the next token of every row.

    Args:
        logits: [n, V] float32, bfloat16 or float16, on the batch's device; only read. A view that cuts a
            padded vocabulary is as good.
        batch: The n rows.
        allowed: What a grammar allows, per row; see `sgl.sampling.penalties.forbid`.
    """
    adjusted = adjust(logits, batch, allowed)
    # Of equal maxima `torch.max` gives the first index. A NaN or +inf anywhere shows in the maximum.
    best, arg_best = torch.max(adjusted, -1)
    finite = [math.isfinite(value) for value in best.tolist()]
    if adjusted is not logits:
        raw: list[float] = torch.amax(logits, -1).tolist()
        finite = [ok and math.isfinite(value) for ok, value in zip(finite, raw, strict=True)]
    token_ids: list[int] = arg_best.tolist()
    methods: tuple[tuple[DrawGroup | None, _Method], ...]
    methods = ((batch.whole, _draw_whole), (batch.truncated, draw_truncated))
    for group, method in methods:
        if group is not None:
            for row, token in _draw(method, adjusted, best, group, finite):
                token_ids[row] = token
    if not all(finite):
        token_ids = [token if ok else 0 for token, ok in zip(token_ids, finite, strict=True)]
    return Sampled(token_ids, finite, _report(logits, token_ids, finite, batch))


def adjust(logits: Tensor, batch: SamplingBatch, allowed: Tensor | None = None) -> Tensor:
    """Step 2 of the definition: a float32 copy of ``logits``, or these themselves when nothing changes them."""
    end_mask = batch.end_mask()
    if batch.bias is None and batch.penalties is None and end_mask is None and allowed is None:
        return logits
    adjusted = logits.to(torch.float32, copy=True)
    for change in (batch.bias, batch.penalties, end_mask):
        if change is not None:
            change.apply(adjusted)
    if allowed is not None:
        forbid(adjusted, allowed)
    return adjusted


def _draw(
    method: _Method, logits: Tensor, best: Tensor, group: DrawGroup, finite: list[bool]
) -> Iterator[tuple[int, int]]:
    """(row of the batch, token id) for the rows of a group; a row that is not finite gets any id."""
    bits = group.bits()
    alone = len(group.rows) == len(finite)
    for block in row_blocks(len(group.rows), logits.shape[1]):
        index = group.index[block]
        part = (logits[block] if alone else logits.index_select(0, index)).float()
        top = best.index_select(0, index).float().unsqueeze(1)
        sound = [finite[row] for row in group.rows[block]]
        if not all(sound):
            mask = torch.tensor(sound, device=logits.device).unsqueeze(1)
            part, top = torch.where(mask, part, 0.0), torch.where(mask, top, 0.0)
        tokens = method(part, top, group.parameters.take(block), bits[block])
        yield from zip(group.rows[block], tokens, strict=True)


def _draw_whole(logits: Tensor, best: Tensor, parameters: DrawParameters, bits: Sequence[int]) -> list[int]:
    return pick(parameters.drop_improbable(weigh(logits, best, parameters.temperature)), bits)


def _report(
    logits: Tensor, token_ids: list[int], finite: list[bool], batch: SamplingBatch
) -> list[TokenLogprob | None]:
    """Logprobs of the rows that want them, from the logits as the model gave them."""
    reports: list[TokenLogprob | None] = [None] * len(token_ids)
    rows = batch.reported
    if rows:
        part = logits if len(rows) == len(token_ids) else logits[torch.tensor(rows, device=logits.device)]
        requests = [batch.rows[row].logprobs for row in rows]
        for row, entry in zip(rows, token_logprobs(part, [token_ids[row] for row in rows], requests), strict=True):
            reports[row] = entry if finite[row] else None
    return reports

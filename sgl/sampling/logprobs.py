"""Log probabilities that are told to clients: natural logs of the model's own distribution.

Penalties, temperature and truncation do not show in them. Every value depends on its row of logits alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from sgl.errors import EngineFailure
from sgl.protocol.messages import LogprobRequest, TokenLogprob
from sgl.sampling.arrays import MAX_TOP_LOGPROBS

BLOCK_ELEMENTS: Final = 1 << 20
"""Rows are worked on in blocks of about this many logits, which bounds the scratch memory."""


def row_blocks(rows: int, vocabulary: int) -> Iterator[slice]:
    """Cuts rows into blocks of at most `BLOCK_ELEMENTS` logits, at least one row each."""
    step = max(1, BLOCK_ELEMENTS // max(1, vocabulary))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def token_logprobs(logits: Tensor, targets: Sequence[int], requests: Sequence[LogprobRequest]) -> list[TokenLogprob]:
    """The logprob of one token per row, with the alternatives its request asks for.

    Args:
        logits: [m, V], float32 or narrower, as the model gave them.
        targets: m token ids.
        requests: m of them; ``top`` up to 20, ``token_ids`` below V.

    Returns:
        m entries. ``top`` is sorted by falling logprob, then rising id; which of several equal tokens takes
        the last place is not defined, but always the same for the same row.
    """
    found: list[TokenLogprob] = []
    for block in row_blocks(*logits.shape):
        found += _block_logprobs(logits[block], targets[block], requests[block])
    return found


def prompt_logprobs(logits: Tensor, targets: Sequence[int], request: LogprobRequest) -> list[TokenLogprob]:
    """Logprobs of prompt tokens: row i of ``logits`` [m, V] predicts ``targets[i]``.

    Raises:
        EngineFailure: The logits of a position are not finite; this request alone has failed.
    """
    found = token_logprobs(logits, targets, [request] * len(targets))
    if any(math.isnan(entry.logprob) for entry in found):
        raise EngineFailure("the model gave logits that are not finite for this prompt; try another dtype")
    return found


def _block_logprobs(logits: Tensor, targets: Sequence[int], requests: Sequence[LogprobRequest]) -> list[TokenLogprob]:
    logprobs = torch.log_softmax(logits, -1, dtype=torch.float32)
    index = torch.tensor(targets, dtype=torch.int64, device=logits.device).unsqueeze(1)
    own: list[float] = logprobs.gather(1, index).squeeze(1).tolist()
    tops = _top_logprobs(logprobs, requests)
    chosen = _chosen_logprobs(logprobs, requests)
    return [TokenLogprob(*entry) for entry in zip(targets, own, tops, chosen, strict=True)]


def _top_logprobs(logprobs: Tensor, requests: Sequence[LogprobRequest]) -> list[list[tuple[int, float]]]:
    if not any(request.top for request in requests):
        return [[] for _ in requests]
    # The same k for every batch, so that equal logprobs are told apart in the same way in each.
    values, ids = torch.topk(logprobs, min(MAX_TOP_LOGPROBS, logprobs.shape[1]))
    ranked = (
        sorted(zip(row_ids, row_values, strict=True), key=lambda entry: (-entry[1], entry[0]))
        for row_ids, row_values in zip(ids.tolist(), values.tolist(), strict=True)
    )
    return [row[: request.top] for row, request in zip(ranked, requests, strict=True)]


def _chosen_logprobs(logprobs: Tensor, requests: Sequence[LogprobRequest]) -> list[list[tuple[int, float]]]:
    pairs = [(row, token) for row, request in enumerate(requests) for token in request.token_ids]
    if not pairs:
        return [[] for _ in requests]
    rows, columns = torch.tensor(pairs, dtype=torch.int64, device=logprobs.device).unbind(1)
    values = iter(logprobs[rows, columns].tolist())
    return [[(token, next(values)) for token in request.token_ids] for request in requests]

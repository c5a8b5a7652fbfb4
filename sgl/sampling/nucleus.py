"""Draws from truncated rows: top_k, then top_p, then min_p.

The likeliest few tokens nearly always hold the whole kept set; `from_candidates` looks at those and says
which rows it could not decide. Only they pay for `exact`. Both find the same set with the same integer
weights, and which one a row takes depends on that row alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from sgl.sampling.arrays import DrawParameters
from sgl.sampling.threshold import lowest_kept
from sgl.sampling.weights import pick, weigh

CANDIDATES: Final = 128
"""How many likeliest tokens are looked at first. A constant: it must not depend on the batch."""


def draw_truncated(logits: Tensor, best: Tensor, parameters: DrawParameters, bits: Sequence[int]) -> list[int]:
    """One token id per row; shapes as in `from_candidates`, n uniform 64-bit integers."""
    ids, weights, undecided = from_candidates(logits, best, parameters)
    ids, by_id = ids.sort(-1)
    columns = torch.tensor(pick(weights.gather(1, by_id), bits), dtype=torch.int64, device=ids.device)
    drawn: list[int] = ids.gather(1, columns.unsqueeze(1)).squeeze(1).tolist()
    if undecided is not None and bool(undecided.any()):
        index = undecided.nonzero().squeeze(1)
        rows: list[int] = index.tolist()
        masses = exact(logits[index], best[index], parameters.take(index))
        for row, token in zip(rows, pick(masses, [bits[row] for row in rows]), strict=True):
            drawn[row] = token
    return drawn


def from_candidates(logits: Tensor, best: Tensor, parameters: DrawParameters) -> tuple[Tensor, Tensor, Tensor | None]:
    """The kept set among the likeliest `CANDIDATES` tokens.

    Args:
        logits: [n, V] float32 without NaN.
        best: [n, 1], the largest of each row; finite.
        parameters: Of the n rows.

    Returns:
        Token ids [n, k], their weights (0 for the dropped) [n, k], and bool [n]: rows whose kept set may
        reach beyond the candidates, so that their weights mean nothing. None where that cannot be.
    """
    width = min(logits.shape[1], CANDIDATES)
    values, ids = torch.topk(logits, width)
    weights = weigh(values, best, parameters.temperature)
    running = weights.cumsum(-1)
    limited = parameters.top_k < logits.shape[1]
    kth = values.gather(1, parameters.top_k.clamp(max=width) - 1)
    mass = (weights * (values >= kth)).sum(-1, keepdim=True)
    complete = width == logits.shape[1]
    if not complete:
        mass = _with_unlimited(mass, limited, logits, best, parameters)
    crossing = (running < parameters.share(mass)).sum(-1, keepdim=True)
    bound = values.gather(1, crossing.clamp_(max=width - 1))
    kept = parameters.drop_improbable(weights * (values >= bound))
    if complete:
        return ids, kept, None
    # Undecided: a bound at the last candidate may be too high, or tie with tokens that are not candidates.
    # If that one weighs nothing, neither does anything after it, and the set is whole.
    last = values[:, -1:]
    reaches_end = (bound <= last) | (limited & (kth <= last))
    return ids, kept, (reaches_end & (weights[:, -1:] > 0)).squeeze(1)


def exact(logits: Tensor, best: Tensor, parameters: DrawParameters) -> Tensor:
    """Weights [n, V] of the kept set, 0 elsewhere, for any distribution; arguments as in `from_candidates`."""
    vocabulary = logits.shape[1]
    weights = weigh(logits, best, parameters.temperature)
    count = parameters.top_k.clamp(max=vocabulary)
    if bool((count < vocabulary).any()):
        ones = torch.ones_like(weights)
        weights.mul_(logits >= lowest_kept(logits, ones, count))
    need = parameters.share(weights.sum(-1, keepdim=True))
    weights.mul_(logits >= lowest_kept(logits, weights, need))
    return parameters.drop_improbable(weights)


def _with_unlimited(mass: Tensor, limited: Tensor, logits: Tensor, best: Tensor, parameters: DrawParameters) -> Tensor:
    """``mass`` [n, 1], replaced by that of the whole row where top_k does not limit it."""
    index = (~limited).squeeze(1).nonzero().squeeze(1)
    if index.numel() == 0:
        return mass
    if index.numel() == mass.shape[0]:
        return weigh(logits, best, parameters.temperature).sum(-1, keepdim=True)
    whole = weigh(logits[index], best[index], parameters.temperature[index]).sum(-1, keepdim=True)
    return mass.index_copy(0, index, whole)

"""Integer weights of tokens, and the draw from them.

Sums of integers are exact, so a result does not depend on the order or the number of terms added: see
`sgl.sampling` for why that is the heart of the definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

ONE: Final = 1 << 40
"""Weight of the likeliest token. A row of fewer than 2**23 tokens cannot overflow int64."""


def weigh(logits: Tensor, best: Tensor, temperature: Tensor) -> Tensor:
    """``floor(ONE * exp((logits - best) / temperature))``.

    Args:
        logits: [n, m] float32, no NaN, nothing above ``best``.
        best: [n, 1] float32, the largest logit of the whole row; finite.
        temperature: [n, 1] float32, above 0.

    Returns:
        [n, m] int64, each in 0..ONE. Elementwise: equal inputs give equal bits wherever they stand.
    """
    return torch.sub(logits, best).div_(temperature).exp_().mul_(ONE).to(torch.int64)


def pick(weights: Tensor, bits: Sequence[int]) -> list[int]:
    """Inverse CDF in column order: per row, the first column whose running weight exceeds ``b * W / 2**64``.

    Args:
        weights: [n, m] int64, none negative, each row with a sum W above 0.
        bits: n uniform integers below 2**64.
    """
    running = weights.cumsum(-1)
    totals: list[int] = running[:, -1].tolist()
    # Python's integers: a 64 x 64 bit product has no torch type, and n is a few.
    marks = [draw * total >> 64 for draw, total in zip(bits, totals, strict=True)]
    column = torch.tensor(marks, dtype=torch.int64, device=weights.device).unsqueeze(1)
    ids: list[int] = torch.searchsorted(running, column, right=True).squeeze(1).tolist()
    return ids

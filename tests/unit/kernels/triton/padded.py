"""Rows that lie in wider ones: what is beside them must be neither read nor written."""

from __future__ import annotations

import torch
from torch import Tensor

BESIDE = 16


def among_nan(x: Tensor) -> Tensor:
    """A view with the values of a matrix, out of a wider one that is NaN elsewhere."""
    wide = torch.full((len(x) + 1, x.shape[1] + BESIDE), torch.nan, dtype=x.dtype)
    wide[:-1, : x.shape[1]] = x
    return wide[:-1, : x.shape[1]]


def untouched_around(view: Tensor) -> bool:
    """Whether all beside the view of `among_nan` is still NaN."""
    rows, width = view.shape
    wide = view.as_strided((rows + 1, width + BESIDE), (width + BESIDE, 1), 0)
    return bool(wide[:, width:].isnan().all() and wide[rows].isnan().all())

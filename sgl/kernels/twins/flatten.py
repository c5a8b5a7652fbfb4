"""Twin of `sgl.kernels.triton.flatten`."""

from __future__ import annotations

from torch import Tensor


def flatten_pages(page_table: Tensor, seq_lens: Tensor, starts: Tensor, indices: Tensor) -> None:
    """See `sgl.kernels.triton.flatten.flatten_pages`."""
    bounds = starts.tolist()
    for number, length in enumerate(seq_lens.tolist()):
        first, end = bounds[number], bounds[number + 1]
        indices[first:end] = page_table[number, : end - first] if length else 0

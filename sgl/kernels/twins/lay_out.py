"""See `sgl.kernels.triton.lay_out`."""

from __future__ import annotations

from torch import Tensor


def lay_out(
    entries: Tensor,
    known: Tensor,
    next_tokens: Tensor,
    page_table: Tensor,
    *,
    page_size: int,
    longest: int,
    token_ids: Tensor,
    positions: Tensor,
    slots: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    rows: Tensor,
) -> None:
    """See `sgl.kernels.triton.lay_out.lay_out`."""
    cu_q[0] = 0
    for number, (start, count, row, first, drawn) in enumerate(entries.tolist()):
        rows[number] = row if count else -1
        seq_lens[number] = start + count if count else 0
        cu_q[number + 1] = first + max(count, 1)
        if count == 0:
            token_ids[first], positions[first], slots[first] = 0, 0, -1
        for offset in range(count):
            position, at = start + offset, first + offset
            token_ids[at] = next_tokens[row] if drawn else known[at]
            positions[at] = position
            slots[at] = page_table[row, position // page_size].long() * page_size + position % page_size


def apply_pages(page_table: Tensor, updates: Tensor) -> None:
    """See `sgl.kernels.triton.lay_out.apply_pages`."""
    for row, column, page in updates.tolist():
        page_table[row, column] = page


def gather_pages(page_table: Tensor, rows: Tensor, seq_lens: Tensor, gathered: Tensor, *, page_size: int) -> None:
    """See `sgl.kernels.triton.lay_out.gather_pages`."""
    for number, (row, length) in enumerate(zip(rows.tolist(), seq_lens.tolist(), strict=True)):
        count = -(-length // page_size)
        gathered[number, :count] = page_table[row, :count]


def keep_tokens(next_tokens: Tensor, rows: Tensor, drawn: Tensor) -> None:
    """See `sgl.kernels.triton.lay_out.keep_tokens`."""
    for row, token in zip(rows.tolist(), drawn.tolist(), strict=True):
        if row >= 0:
            next_tokens[row] = token

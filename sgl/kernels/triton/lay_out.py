"""From the few numbers that the host sends of a step to everything that the forward pass reads.

The host sends, in one block of int32: `FIELDS` numbers for each entry, the token ids that it knows, and the pages that
the page table has gained (`apply_pages`). Token ids of entries that are still being drawn are taken from the device.
"""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.variant import Variant

FIELDS: Final = 5
"""Of an entry: first position, count of tokens, row of the page table, first row in the batch, 1 where its token is
still being drawn."""
UPDATE: Final = 3
"""Of a page: row and column of the page table, page."""
BLOCK: Final = 128
"""Tokens of an entry, or updates, that one program does."""
GATHERED: Final = 512
"""Pages copied at a time."""


# The ids lie behind the entries, at any multiple of four bytes.
@triton.jit(do_not_specialize_on_alignment=["known"])
def _lay_out(
    entries: tl.tensor,
    known: tl.tensor,
    next_tokens: tl.tensor,
    page_table: tl.tensor,
    token_ids: tl.tensor,
    positions: tl.tensor,
    slots: tl.tensor,
    seq_lens: tl.tensor,
    cu_q: tl.tensor,
    rows: tl.tensor,
    table_stride: tl.tensor,
    PAGE_SIZE: tl.constexpr,
    FIELDS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    number = tl.program_id(0)
    entry = entries + number * FIELDS
    start, count, row = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2)
    first, drawn = tl.load(entry + 3), tl.load(entry + 4)
    # Of an entry without tokens, which pads a batch, one row is written: token 0, which is stored nowhere.
    offset = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    real = offset < count
    written = offset < tl.maximum(count, 1)
    position = start + offset
    from_host = tl.load(known + first + offset, mask=real & (offset >= drawn), other=0)
    from_device = tl.load(next_tokens + row + offset * 0, mask=offset < drawn, other=0)
    pages = page_table + row.to(tl.int64) * table_stride
    page = tl.load(pages + position // PAGE_SIZE, mask=real, other=0).to(tl.int64)
    slot = page * PAGE_SIZE + position % PAGE_SIZE
    tl.store(token_ids + first + offset, from_host.to(tl.int64) + from_device, mask=written)
    tl.store(positions + first + offset, tl.where(real, position, 0).to(tl.int64), mask=written)
    tl.store(slots + first + offset, tl.where(real, slot, -1), mask=written)
    if tl.program_id(1) == 0:
        tl.store(seq_lens + number, tl.where(count > 0, start + count, 0))
        tl.store(rows + number, tl.where(count > 0, row, -1).to(tl.int64))
        tl.store(cu_q + number, first)
        tl.store(cu_q + number + 1, first + tl.maximum(count, 1))


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
    """Fills the inputs of a step.

    Args:
        entries: int32 [sequences, `FIELDS`]. One with a count of 0 pads the batch by one token, and one whose token is
            still being drawn has a count of 1.
        known: int32 [tokens], the ids where the host knows them.
        next_tokens: int64 [rows of the page table], what was drawn last for each.
        page_table: int32 [rows, pages].
        longest: Largest count.
        token_ids: int64 [tokens], written, as are all that follow.
        positions: int64 [tokens].
        slots: int64 [tokens]; -1 for padding.
        seq_lens: int32 [sequences], tokens up to this step's last one; 0 for padding.
        cu_q: int32 [sequences + 1], first row in the batch of each, and the end.
        rows: int64 [sequences], of the page table; -1 for padding.
    """
    grid = (len(entries), triton.cdiv(max(longest, 1), BLOCK))
    _lay_out[grid](
        entries,
        known,
        next_tokens,
        page_table,
        token_ids,
        positions,
        slots,
        seq_lens,
        cu_q,
        rows,
        page_table.stride(0),
        PAGE_SIZE=page_size,
        FIELDS=FIELDS,
        BLOCK=BLOCK,
        num_warps=1,
    )


@triton.jit(do_not_specialize=["count"], do_not_specialize_on_alignment=["updates"])
def _apply_pages(
    page_table: tl.tensor,
    updates: tl.tensor,
    count: tl.tensor,
    table_stride: tl.tensor,
    UPDATE: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = number < count
    update = updates + number * UPDATE
    row = tl.load(update, mask=real, other=0).to(tl.int64)
    column = tl.load(update + 1, mask=real, other=0)
    tl.store(page_table + row * table_stride + column, tl.load(update + 2, mask=real, other=0), mask=real)


def apply_pages(page_table: Tensor, updates: Tensor) -> None:
    """Writes pages into the table.

    Args:
        page_table: int32 [rows, pages].
        updates: int32 [count, `UPDATE`]: row, column, page; no place twice.
    """
    if len(updates) == 0:
        return
    grid = (triton.cdiv(len(updates), BLOCK),)
    _apply_pages[grid](page_table, updates, len(updates), page_table.stride(0), UPDATE=UPDATE, BLOCK=BLOCK, num_warps=1)


@triton.jit
def _gather_pages(
    page_table: tl.tensor,
    rows: tl.tensor,
    seq_lens: tl.tensor,
    gathered: tl.tensor,
    table_stride: tl.tensor,
    gathered_stride: tl.tensor,
    PAGE_SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    number = tl.program_id(0).to(tl.int64)
    row = tl.load(rows + number)
    # A padding row has no tokens, so nothing of it is copied.
    count = (tl.load(seq_lens + number) + PAGE_SIZE - 1) // PAGE_SIZE
    for start in range(0, count, BLOCK):
        column = start + tl.arange(0, BLOCK)
        real = column < count
        pages = tl.load(page_table + row * table_stride + column, mask=real, other=0)
        tl.store(gathered + number * gathered_stride + column, pages, mask=real)


def gather_pages(page_table: Tensor, rows: Tensor, seq_lens: Tensor, gathered: Tensor, *, page_size: int) -> None:
    """Copies the pages of a step's sequences to where attention reads them.

    Args:
        page_table: int32 [rows, pages].
        rows: int64 [sequences]; -1 where ``seq_lens`` is 0.
        seq_lens: int32 [sequences]; only the pages of so many tokens are copied.
        gathered: int32 [sequences, pages], written.
    """
    _gather_pages[(len(rows),)](
        page_table,
        rows,
        seq_lens,
        gathered,
        page_table.stride(0),
        gathered.stride(0),
        PAGE_SIZE=page_size,
        BLOCK=GATHERED,
        num_warps=4,
    )


@triton.jit(do_not_specialize=["count"])
def _keep_tokens(
    next_tokens: tl.tensor, rows: tl.tensor, drawn: tl.tensor, count: tl.tensor, BLOCK: tl.constexpr
) -> None:
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = number < count
    row = tl.load(rows + number, mask=real, other=-1)
    tl.store(next_tokens + row, tl.load(drawn + number, mask=real, other=0), mask=row >= 0)


def keep_tokens(next_tokens: Tensor, rows: Tensor, drawn: Tensor) -> None:
    """Writes what was drawn where the next step finds it.

    Args:
        next_tokens: int64 [rows of the page table].
        rows: int64 [drawn], none twice; -1 keeps nothing.
        drawn: int64 [drawn].
    """
    grid = (triton.cdiv(len(drawn), BLOCK),)
    _keep_tokens[grid](next_tokens, rows, drawn, len(drawn), BLOCK=BLOCK, num_warps=1)


_STEP: Final = {
    "entries": "*i32",
    "known": "*i32",
    "next_tokens": "*i64",
    "page_table": "*i32",
    "token_ids": "*i64",
    "positions": "*i64",
    "slots": "*i64",
    "seq_lens": "*i32",
    "cu_q": "*i32",
    "rows": "*i64",
    "table_stride": "i32",
}

VARIANTS: Final = (
    *(
        Variant(
            name=f"lay_out page {page_size}",
            kernel=_lay_out,
            signature=_STEP,
            constants={"PAGE_SIZE": page_size, "FIELDS": FIELDS, "BLOCK": BLOCK},
            divisible=("table_stride",),
            warps=1,
            registers=64,
        )
        for page_size in (1, 16)
    ),
    Variant(
        name="apply_pages",
        kernel=_apply_pages,
        signature={"page_table": "*i32", "updates": "*i32", "count": "i32", "table_stride": "i32"},
        constants={"UPDATE": UPDATE, "BLOCK": BLOCK},
        warps=1,
        registers=64,
    ),
    Variant(
        name="gather_pages",
        kernel=_gather_pages,
        signature={
            "page_table": "*i32",
            "rows": "*i64",
            "seq_lens": "*i32",
            "gathered": "*i32",
            "table_stride": "i32",
            "gathered_stride": "i32",
        },
        constants={"PAGE_SIZE": 16, "BLOCK": GATHERED},
        divisible=("table_stride", "gathered_stride"),
        registers=64,
    ),
    Variant(
        name="keep_tokens",
        kernel=_keep_tokens,
        signature={"next_tokens": "*i64", "rows": "*i64", "drawn": "*i64", "count": "i32"},
        constants={"BLOCK": BLOCK},
        warps=1,
        registers=64,
    ),
)

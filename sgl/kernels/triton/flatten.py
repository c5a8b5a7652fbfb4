"""The pages of a step's sequences one behind the other, as libraries take them that know no page table."""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.variant import Variant

BLOCK: Final = 512
"""Pages copied at a time."""


@triton.jit
def _flatten_pages(
    page_table: tl.tensor,
    seq_lens: tl.tensor,
    starts: tl.tensor,
    indices: tl.tensor,
    table_stride: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    number = tl.program_id(0).to(tl.int64)
    first, end = tl.load(starts + number), tl.load(starts + number + 1)
    padding = tl.load(seq_lens + number) == 0
    for start in range(0, end - first, BLOCK):
        column = start + tl.arange(0, BLOCK)
        inside = column < end - first
        # A padding row has no pages of its own: it is given the page that is zero.
        pages = tl.load(page_table + number * table_stride + column, mask=inside & (not padding), other=0)
        tl.store(indices + first + column, pages, mask=inside)


def flatten_pages(page_table: Tensor, seq_lens: Tensor, starts: Tensor, indices: Tensor) -> None:
    """Copies pages to where they are read, one launch for any lengths.

    Args:
        page_table: int32 [sequences, pages].
        seq_lens: int32 [sequences]; 0 is padding, whose pages become 0.
        starts: int32 [sequences + 1], the place of each sequence's first page, and the end.
        indices: int32, at least ``starts[-1]``; written.
    """
    _flatten_pages[(len(seq_lens),)](
        page_table, seq_lens, starts, indices, page_table.stride(0), BLOCK=BLOCK, num_warps=4
    )


VARIANTS: Final = (
    Variant(
        name="flatten_pages",
        kernel=_flatten_pages,
        signature={
            "page_table": "*i32",
            "seq_lens": "*i32",
            "starts": "*i32",
            "indices": "*i32",
            "table_stride": "i32",
        },
        constants={"BLOCK": BLOCK},
        warps=4,
        registers=64,
    ),
)

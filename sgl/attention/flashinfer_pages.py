"""`StepPages`: lengths and pages of a step at the places where FlashInfer's ``plan`` and ``run`` look for them.

``plan`` runs on the host. It launches copies of the arrays that it is given, and of page-locked memory of its own,
and comes back before they are done. So nothing of that may be written before the copies of the plan before have gone:
`StepPages.begin` waits for them. They are at the head of the step that was launched last, which a GPU has begun by
the time that the next one is planned: the step before it has been waited for then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from sgl.batch.paged import HostLayout, Lengths, PagedBatch
from sgl.kernels.triton.flatten import flatten_pages

PARTS: Final = 3
"""Arrays on the host: of all sequences, of those with one token, and of longer ones."""
WHOLE, SINGLE, LONGER = range(PARTS)


@dataclass(frozen=True, slots=True)
class PartLengths:
    """Some sequences of a step, int32 on the host.

    Attributes:
        rows: [sequences + 1], the first row of each among theirs, and the end.
        pages: [sequences + 1], the first page of each among theirs, and the end.
        last: [sequences], tokens on the last page of each.
        tokens: [sequences], tokens whose keys are read.
    """

    rows: Tensor
    pages: Tensor
    last: Tensor
    tokens: Tensor


class StepPages:
    """See the module.

    Padding is given as many tokens of page 0 as it has rows: what is read there is zero, and so is the result.

    Args:
        sequences: Most of a step.
        indices: Most pages of a step, counted for each sequence that reads them.
        page_size: Tokens of a page.

    Attributes:
        starts: int32 [sequences + 1] on the device, the place of each sequence's first page, and the end.
        last: int32 [sequences] on the device, tokens on each last page; written by ``plan`` where a step is captured.
        indices: int32 [indices] on the device, pages one behind the other.
    """

    def __init__(self, *, sequences: int, indices: int, page_size: int, device: torch.device) -> None:
        self.page_size = page_size
        self.starts = torch.zeros(sequences + 1, dtype=torch.int32, device=device)
        self.last = torch.zeros(sequences, dtype=torch.int32, device=device)
        self.indices = torch.zeros(indices, dtype=torch.int32, device=device)
        on_gpu = device.type == "cuda"
        shape = (PARTS, 4, sequences + 1)
        self._host = torch.zeros(shape, dtype=torch.int32, pin_memory=on_gpu)
        # An event that was never recorded is waited for in no time.
        self._copied: Any = torch.cuda.Event() if on_gpu else None  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """Waits until the copies of the last plan have gone."""
        if self._copied is not None:
            self._copied.synchronize()

    def end(self) -> None:
        """All of a step has been planned."""
        if self._copied is not None:
            self._copied.record()

    def lengths(self, host: HostLayout, part: int = WHOLE) -> PartLengths:
        """For ``plan``, between `begin` and `end`; each of the `PARTS` has arrays of its own.

        Raises:
            ValueError: There is no room for so many.
        """
        count = host.sequences
        tokens: Lengths = np.where(host.seq_lens > 0, host.seq_lens, host.counts)
        pages: Lengths = -(-tokens // self.page_size)
        if count > len(self.last) or pages.sum() > len(self.indices):
            room = f"{len(self.last)} sequences with {len(self.indices)} pages"
            raise ValueError(f"a step of {count} sequences with {pages.sum()} pages; there is room for {room}")
        rows, starts, last, read = self._host[part]
        rows.numpy()[1 : count + 1] = np.cumsum(host.counts)
        starts.numpy()[1 : count + 1] = np.cumsum(pages)
        last.numpy()[:count] = tokens - (pages - 1) * self.page_size
        read.numpy()[:count] = tokens
        return PartLengths(rows[: count + 1], starts[: count + 1], last[:count], read[:count])

    def send_starts(self, lengths: PartLengths) -> None:
        """The places of all sequences' pages, where ``plan`` does not send them."""
        self.starts[: len(lengths.pages)].copy_(lengths.pages, non_blocking=True)

    def flatten(self, batch: PagedBatch) -> None:
        """Fills `indices`, on the device alone: the page table is read, and what `starts` holds by then."""
        flatten_pages(batch.page_table, batch.seq_lens, self.starts[: batch.sequences + 1], self.indices)


def part_of(host: HostLayout, sequences: slice) -> HostLayout:
    """Some sequences of a step."""
    return HostLayout(host.seq_lens[sequences], host.counts[sequences])


def told(batch: PagedBatch) -> HostLayout:
    """The lengths of a step that is not captured."""
    if batch.host is None:
        raise ValueError("FlashInfer plans on the host, and the lengths of this step were not told there")
    return batch.host

"""`DeviceInputs`: the inputs of each step, at fixed places on the device, made of one block that the host sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sgl.batch.batch import Batch, Entry
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.engine.gpu.transfer import Staging, Words
from sgl.kernels.triton.lay_out import FIELDS, UPDATE, apply_pages, gather_pages, keep_tokens, lay_out
from sgl.kvcache.rows import PageRows

UPDATES: Final = 4096
"""Pages that a step's block has room for; what is beyond goes in blocks of its own before."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes of a step, which the host knows.

    Attributes:
        sequences: Entries, those that pad a batch included.
        tokens: Rows of the batch.
        decodes: Leading entries of one token.
        longest: Most tokens of an entry.
        draws: Tokens that are drawn; None where each entry computes one token and draws one.
    """

    sequences: int
    tokens: int
    decodes: int
    longest: int
    draws: int | None

    @classmethod
    def of(cls, batch: Batch) -> Layout:
        """A batch without padding."""
        counts = [entry.count for entry in batch.entries]
        draws = sum(entry.draw_count for entry in batch.entries)
        decodes = next((number for number, count in enumerate(counts) if count != 1), len(counts))
        single = max(counts) == 1 and draws == len(counts)
        return cls(len(counts), sum(counts), decodes, max(counts), None if single else draws)

    @classmethod
    def decode(cls, size: int) -> Layout:
        """A step of one token for each of ``size`` entries."""
        return cls(size, size, size, 1, None)


class DeviceInputs:
    """See the module.

    The block of a step holds, one behind the other: the entries (`sgl.kernels.triton.lay_out`), the token ids that the
    host knows, the rows of the batch after which tokens are drawn, the rows of the page table these are kept for, and
    changes of the page table.

    Args:
        rows: The host's page table.
        sequences: Most entries of a step.
        tokens: Most tokens of a step.
    """

    def __init__(self, rows: PageRows, *, sequences: int, tokens: int, device: torch.device) -> None:
        self._page_rows = rows
        self._staging = Staging(FIELDS * sequences + 3 * tokens + UPDATE * UPDATES, device)

        def room(*shape: int, dtype: torch.dtype) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        self._page_table = room(*rows.table.shape, dtype=torch.int32)
        self._next_tokens = room(len(rows.table), dtype=torch.int64)
        self._token_ids, self._positions, self._slots = room(3, tokens, dtype=torch.int64).unbind()
        self._seq_lens = room(sequences, dtype=torch.int32)
        self._cu_q = room(sequences + 1, dtype=torch.int32)
        self._rows = room(sequences, dtype=torch.int64)
        self._gathered = room(sequences, rows.max_pages, dtype=torch.int32)

    def load(self, batch: Batch, layout: Layout) -> None:
        """Sends what the host knows of a step, which `layout` may pad.

        Raises:
            ValueError: There is no room for it. Kernels would write behind the end.
        """
        if layout.tokens > len(self._token_ids) or layout.sequences > len(self._seq_lens):
            raise ValueError(
                f"a step of {layout.tokens} tokens of {layout.sequences} requests, where there is room for "
                f"{len(self._token_ids)} tokens of {len(self._seq_lens)}"
            )
        updates = self._page_updates(batch.entries)
        while len(updates) > UPDATES:
            part, updates = updates[:UPDATES], updates[UPDATES:]
            self._staging.send(part)
            apply_pages(self._page_table, self._staging.block[: part.size].view(-1, UPDATE))
        draws = () if layout.draws is None else (_draw_rows(batch), _draw_owners(batch))
        known = _known_tokens(batch, layout.tokens)
        self._staging.send(_entries(batch, layout.sequences), known, *draws, updates)
        stop = FIELDS * layout.sequences + known.size + sum(part.size for part in draws)
        apply_pages(self._page_table, self._staging.block[stop : stop + updates.size].view(-1, UPDATE))

    def lay_out(self, layout: Layout) -> None:
        """Makes the inputs of the forward pass of the block; launches kernels and nothing else."""
        sequences, tokens = layout.sequences, layout.tokens
        entries = FIELDS * sequences
        lay_out(
            self._staging.block[:entries].view(sequences, FIELDS),
            self._staging.block[entries : entries + tokens],
            self._next_tokens,
            self._page_table,
            page_size=self._page_rows.page_size,
            longest=layout.longest,
            token_ids=self._token_ids[:tokens],
            positions=self._positions[:tokens],
            slots=self._slots[:tokens],
            seq_lens=self._seq_lens[:sequences],
            cu_q=self._cu_q[: sequences + 1],
            rows=self._rows[:sequences],
        )
        gather_pages(
            self._page_table,
            self._rows[:sequences],
            self._seq_lens[:sequences],
            self._gathered[:sequences],
            page_size=self._page_rows.page_size,
        )

    def token_ids(self, layout: Layout) -> Tensor:
        """int64 [tokens]."""
        return self._token_ids[: layout.tokens]

    def positions(self, layout: Layout) -> Tensor:
        """int64 [tokens]."""
        return self._positions[: layout.tokens]

    def paged(self, layout: Layout, host: HostLayout | None = None) -> PagedBatch:
        """For attention; ``host`` as `host_layout` has it, if it is wanted."""
        return PagedBatch(
            slots=self._slots[: layout.tokens],
            page_table=self._gathered[: layout.sequences],
            seq_lens=self._seq_lens[: layout.sequences],
            cu_q=self._cu_q[: layout.sequences + 1],
            decodes=layout.decodes,
            longest_query=layout.longest,
            host=host,
        )

    def draw_rows(self, layout: Layout) -> Tensor | None:
        """int32 [draws], the rows of the batch after which tokens are drawn; None is every one."""
        return None if layout.draws is None else self._after_tokens(layout, 0, layout.draws)

    def keep(self, layout: Layout, drawn: Tensor) -> None:
        """Keeps what was drawn, int64 [draws], for the next step."""
        if layout.draws is None:
            owners = self._rows[: len(drawn)]
        else:
            owners = self._after_tokens(layout, layout.draws, layout.draws).to(torch.int64)
        keep_tokens(self._next_tokens, owners, drawn)

    def forget(self) -> None:
        """A step was not launched as it should have been: the page table is sent again."""
        self._page_rows.tell_again()

    def _after_tokens(self, layout: Layout, skipped: int, count: int) -> Tensor:
        start = FIELDS * layout.sequences + layout.tokens + skipped
        return self._staging.block[start : start + count]

    def _page_updates(self, entries: Sequence[Entry]) -> Words:
        """[count, `UPDATE`]: what has changed in the rows of a batch."""
        changes = []
        for entry in entries:
            row = entry.lease.row
            first, pages = self._page_rows.news(row)
            if pages.size:
                columns = np.arange(first, first + pages.size, dtype=np.int32)
                changes.append(np.stack([np.full_like(columns, row), columns, pages], axis=1))
        return np.concatenate(changes) if changes else np.empty((0, UPDATE), dtype=np.int32)


def host_layout(batch: Batch, layout: Layout) -> HostLayout:
    """The lengths of a step, which ``layout`` may pad. Those of entries whose token is still being drawn are known."""
    host, count = HostLayout.padding(layout.sequences), len(batch.entries)
    host.seq_lens[:count] = [entry.stop for entry in batch.entries]
    host.counts[:count] = [entry.count for entry in batch.entries]
    return host


def _entries(batch: Batch, sequences: int) -> Words:
    """[sequences, `FIELDS`]: those of the batch, and as many without tokens as pad it."""
    packed = np.zeros((sequences, FIELDS), dtype=np.int32)
    entries = batch.entries
    packed[: len(entries), 0] = [entry.start for entry in entries]
    packed[: len(entries), 1] = [entry.count for entry in entries]
    packed[: len(entries), 2] = [entry.lease.row for entry in entries]
    packed[: len(entries), 4] = [entry.future for entry in entries]
    packed[1:, 3] = np.cumsum(np.maximum(packed[:-1, 1], 1))
    return packed


def _known_tokens(batch: Batch, tokens: int) -> Words:
    """[tokens]: ids in the order of the batch's rows; 0 where only the device knows one."""
    known = np.zeros(tokens, dtype=np.int32)
    at = 0
    for entry in batch.entries:
        if not entry.future:
            own = entry.count - len(entry.drafts)
            known[at : at + own] = entry.request.token_ids[entry.start : entry.start + own]
            known[at + own : at + entry.count] = entry.drafts
        at += entry.count
    return known


def _draw_rows(batch: Batch) -> Words:
    rows: list[int] = []
    at = 0
    for entry in batch.entries:
        at += entry.count
        rows.extend(range(at - entry.draw_count, at))
    return np.array(rows, dtype=np.int32)


def _draw_owners(batch: Batch) -> Words:
    """Rows of the page table that drawn tokens are kept for; -1 where guesses may make it another one."""
    owners: list[int] = []
    for entry in batch.entries:
        owners.extend([-1] * entry.draw_count if entry.drafts else [entry.lease.row] * entry.draw_count)
    return np.array(owners, dtype=np.int32)

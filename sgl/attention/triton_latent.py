"""Multi-head latent attention on a GPU by our own kernels, absorbed or expanded (`sgl.kernels.latent`).

Sequences of one token are absorbed. Longer ones are expanded where that is less work, by their lengths on the host
(`LatentRoom.expands`), and all are computed in parts that take no more memory than there is room for. In deterministic
mode everything is absorbed, because a token's bits must not depend on what is computed with it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sgl.attention.latent_kernels import AbsorbedKernels, FixedLatent, SplitLatent
from sgl.attention.latent_parts import Part, cut_parts
from sgl.attention.triton_expanded import ExpandedPart, PartSequences
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.latent_room import LatentRoom
from sgl.kernels.latent import KvUp
from sgl.kernels.triton.latent import LatentLayer
from sgl.kernels.triton.latent_write import write_latent
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.latent_scaled import ScaledLatentPool

AnyLatentPool = LatentPool | ScaledLatentPool


class TritonLatentAttention:
    """Plans batches over one pool of vectors.

    Args:
        room: Widths of the model's vectors, and what a part of a step may take.
        page_size: Tokens of a page, a power of two.
        scale: Scores are multiplied with it; None is the root of the query's width.
        multiprocessors: Of the GPU.
        deterministic: The same bits whatever the batch and chunks.
        dependent: The GPU starts a kernel before the one in front has ended.
    """

    plans_on_host = False

    def __init__(
        self,
        pool: AnyLatentPool,
        *,
        room: LatentRoom,
        page_size: int,
        scale: float | None,
        multiprocessors: int,
        deterministic: bool,
        dependent: bool,
        device: torch.device,
    ) -> None:
        self.pool = pool
        self.room = room
        self.latent = latent = room.latent
        self.page_size = page_size
        self.scale = (latent.nope_dim + latent.rope_dim) ** -0.5 if scale is None else scale
        self.deterministic = deterministic
        self.ways: dict[str, Any] = {"page_size": page_size, "scale": self.scale, "dependent": dependent}
        self.device = device
        self.dependent = dependent
        make = FixedLatent if deterministic else SplitLatent
        self.absorbed: AbsorbedKernels = make.allocate(
            largest_batch=room.batch,
            heads=room.heads,
            rank=latent.kv_rank,
            multiprocessors=multiprocessors,
            device=device,
        )

    def plan(self, batch: PagedBatch) -> PlannedTritonLatent:
        """Cuts a step into parts."""
        return PlannedTritonLatent(self, batch)

    def prepare(self, host: HostLayout) -> None:
        """Nothing: a captured step is one part, whose kernels find their work on the device."""

    def warm_up(self, dtype: torch.dtype) -> None:
        """Compiles what a start launches no other way: it has no few tokens behind a long prefix, which are absorbed.

        Args:
            dtype: Of queries.
        """
        padding = torch.zeros(3, dtype=torch.int32, device=self.device)
        lengths = PartSequences(padding[:1].unsqueeze(0), padding[:1], padding[:2])
        query = torch.zeros(1, self.room.heads, self.latent.cached_width, dtype=dtype, device=padding.device)
        self.extend(query, self.layer(0), lengths)

    def extend(self, absorbed: Tensor, stored: LatentLayer, lengths: PartSequences) -> Tensor:
        """Weighted sums of vectors, [rows, heads, kv_rank], of a part's queries."""
        return self.absorbed.extend(absorbed, stored, lengths.page_table, lengths.seq_lens, lengths.starts, **self.ways)

    def layer(self, number: int) -> LatentLayer:
        """One layer of the pool, as kernels take it."""
        if isinstance(self.pool, LatentPool):
            return LatentLayer.plain(self.pool.vectors[number], self.latent.kv_rank)
        compressed, positional = self.pool.parts(number)
        return LatentLayer(
            compressed.codes.squeeze(1),
            positional.codes.squeeze(1),
            compressed.multipliers.squeeze(1),
            positional.multipliers.squeeze(1),
            self.pool.storage,
        )


class PlannedTritonLatent:
    """`sgl.batch.context.LatentAttention` of one batch.

    Raises:
        ValueError: Lengths are wanted and were not told on the host.
    """

    def __init__(self, backend: TritonLatentAttention, batch: PagedBatch) -> None:
        self._backend = backend
        self._batch = batch
        self._decodes = batch.decodes
        self._absorbed: list[tuple[slice, PartSequences]] = []
        self._expanded: list[tuple[slice, ExpandedPart]] = []
        for part in self._parts():
            lengths = _lengths(batch, part)
            if part.expanded:
                self._expanded.append((part.rows, self._expanding(part, lengths)))
            else:
                self._absorbed.append((part.rows, lengths))

    def _parts(self) -> list[Part]:
        """Of what is behind the decodes."""
        backend, batch, first = self._backend, self._batch, self._decodes
        if first == batch.sequences:
            return []
        if batch.host is None:
            raise ValueError("latent attention is cut by lengths on the host, and those of this step were not told")
        return cut_parts(batch.host, first, backend.room, expands=not backend.deterministic)

    def _expanding(self, part: Part, lengths: PartSequences) -> ExpandedPart:
        return ExpandedPart(
            lengths,
            self._backend.room,
            context=part.context,
            longest=part.longest,
            page_size=self._backend.page_size,
            scale=self._backend.scale,
        )

    def forward(self, layer: int, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """See `sgl.batch.context.LatentAttention.forward`."""
        backend, decodes = self._backend, self._decodes
        stored = backend.layer(layer)
        write_latent(latent, self._batch.slots, stored, dependent=backend.dependent)
        out = query.new_empty(*query.shape[:2], backend.latent.value_dim)
        if decodes:
            out[:decodes] = self._absorb(query[:decodes], stored, up, None)
        for rows, lengths in self._absorbed:
            out[rows] = self._absorb(query[rows], stored, up, lengths)
        for rows, part in self._expanded:
            part.forward(query[rows], stored, up, out[rows])
        return out.flatten(1)

    def _absorb(self, query: Tensor, stored: LatentLayer, up: KvUp, lengths: PartSequences | None) -> Tensor:
        """[rows, heads, value_dim] of a part; of the decodes, where no lengths are given."""
        nope = self._backend.latent.nope_dim
        absorbed = torch.cat([up.absorb(query[..., :nope]), query[..., nope:]], dim=-1)
        mixed = self._decode(absorbed, stored) if lengths is None else self._backend.extend(absorbed, stored, lengths)
        # Rows of 576 and of 512 elements for each head are much where there are 128.
        del absorbed
        return up.mix(mixed)

    def _decode(self, absorbed: Tensor, stored: LatentLayer) -> Tensor:
        backend, batch, decodes = self._backend, self._batch, self._decodes
        return backend.absorbed.decode(
            absorbed,
            stored,
            batch.page_table[:decodes],
            batch.seq_lens[:decodes],
            batch.cu_q[: decodes + 1],
            **backend.ways,
        )


def _lengths(batch: PagedBatch, part: Part) -> PartSequences:
    """Of what lies on the device; the part's rows may begin or end within a sequence.

    New tensors and no slices: kernels are compiled anew for those that do not begin at a multiple of 16 bytes.
    """
    first, stop = part.sequences.start, part.sequences.stop
    return PartSequences(
        batch.page_table[part.sequences],
        batch.seq_lens[part.sequences] - part.behind,
        (batch.cu_q[first : stop + 1] - part.rows.start).clamp(0, part.count),
    )

"""Rows of a step whose latent attention is computed over keys and values by heads (`sgl.kernels.latent`).

The compressed vectors of a part's sequences, those of cached prefixes too, are read out of the pool, so what is
attended to is what a later step will find. They are multiplied to keys and values of as many heads as there is room
for, which one kernel attends to: a softmax is never cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sgl.config.latent_room import LatentRoom
from sgl.kernels.latent import KvUp
from sgl.kernels.triton.latent import LatentLayer
from sgl.kernels.triton.latent_expanded import expanded_attention
from sgl.kernels.triton.latent_gather import gather_latents


@dataclass(frozen=True, slots=True)
class PartSequences:
    """A part's sequences on the device.

    Attributes:
        page_table: int32 [sequences, pages].
        seq_lens: int32 [sequences], up to the part's last row of each; 0 or less is padding.
        starts: int32 [sequences + 1], the first row of each in the part, and the end.
    """

    page_table: Tensor
    seq_lens: Tensor
    starts: Tensor

    def key_starts(self) -> Tensor:
        """int32 [sequences + 1], the first token of each among all of them, and the end."""
        first = self.seq_lens.new_zeros(1)
        return torch.cat([first, self.seq_lens.cumsum(0, dtype=torch.int32)])


class ExpandedPart:
    """Plans one part; see the module.

    Args:
        context: Tokens of the part's sequences, by the host.
        longest: Most rows of one of them.
    """

    def __init__(
        self, lengths: PartSequences, room: LatentRoom, *, context: int, longest: int, page_size: int, scale: float
    ) -> None:
        self._lengths = lengths
        self._key_starts = lengths.key_starts()
        self._room = room
        self._context = context
        self._longest = longest
        self._page_size = page_size
        self._scale = scale

    def forward(self, query: Tensor, stored: LatentLayer, up: KvUp, out: Tensor) -> None:
        """Attends from the part's rows.

        Args:
            query: [rows, heads, nope_dim + rope_dim].
            stored: The layer's vectors, those of the rows included.
            out: [rows, heads, value_dim], written.
        """
        room, latent, context, heads = self._room, self._room.latent, self._context, query.shape[1]
        together = room.heads_at_once(context)
        pieces = range(0, context, room.gathered)
        # All of it, whatever is used of it: the step that memory is measured with takes as much as any other.
        keys, values, positional, compressed = _carved(
            query.new_empty(room.elements),
            (together, context, latent.nope_dim),
            (together, context, latent.value_dim),
            (context, latent.rope_dim),
            (min(context, room.gathered), latent.kv_rank),
        )
        for first in range(0, heads, together):
            own = slice(first, min(first + together, heads))
            count = own.stop - first
            for at in pieces:
                piece = slice(at, min(at + room.gathered, context))
                gathered = compressed[: piece.stop - at]
                if first == 0 or len(pieces) > 1:
                    self._gather(stored, at, gathered, positional[piece])
                up.expand_heads(gathered, own, keys[:count, piece], values[:count, piece])
            expanded_attention(
                query[:, own],
                keys[:count],
                positional,
                values[:count],
                self._lengths.seq_lens,
                self._lengths.starts,
                self._key_starts,
                longest_query=self._longest,
                scale=self._scale,
                out=out[:, own],
            )

    def _gather(self, stored: LatentLayer, first: int, compressed: Tensor, positional: Tensor) -> None:
        gather_latents(
            stored,
            self._lengths.page_table,
            self._lengths.seq_lens,
            self._key_starts,
            first=first,
            page_size=self._page_size,
            compressed=compressed,
            positional=positional,
        )


def _carved(room: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Tensors of these shapes one behind the other."""
    parts, at = [], 0
    for shape in shapes:
        size = math.prod(shape)
        parts.append(room[at : at + size].view(shape))
        at += size
    return parts

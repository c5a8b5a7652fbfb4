"""`LatentRoom`: memory for one part of a step's latent attention on a GPU, in which all of a step is computed.

A part is absorbed or expanded (`sgl.kernels.latent`). 8192 tokens of DeepSeek V3 would take 3 GB absorbed at once,
and their keys and values as many tokens' 512 MiB, however long the context; so a step is cut into parts, and what is
too long for one goes some heads at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sgl.config.latent import LatentConfig, expanding_pays

EXPANDED_AT_ONCE: Final = 2**27 + 2**20
"""Elements of keys and values: in bfloat16 258 MiB, for 8192 tokens half of DeepSeek V3's 128 heads."""
GATHERED_AT_ONCE: Final = 8192
"""Tokens whose compressed vectors lie in a row to be multiplied: 8 MiB of DeepSeek's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentRoom:
    """See the module.

    Attributes:
        latent: Widths of the model's vectors.
        heads: Query heads.
        longest: Tokens of the longest context, and of the longest step.
        batch: Most sequences of one token, which are one part.
        most: Elements of keys and values, unless the longest context takes more for one head.
        gathered: Tokens whose compressed vectors are multiplied at once.
    """

    latent: LatentConfig
    heads: int
    longest: int
    batch: int
    most: int = EXPANDED_AT_ONCE
    gathered: int = GATHERED_AT_ONCE

    @property
    def elements(self) -> int:
        """Of the type that is computed in: enough for some heads of the longest context, and for the largest batch."""
        useful = min(self.longest * self._width(self.heads), self.most)
        expanded = self._gathered(self.longest) + max(self.longest * self._width(1), useful)
        return max(expanded, self.batch * self._absorbed_row)

    @property
    def rows(self) -> int:
        """Most rows that are absorbed together."""
        return self.elements // self._absorbed_row

    def heads_at_once(self, context: int) -> int:
        """Heads whose keys and values of ``context`` tokens there is room for, as even groups of all; may be 0."""
        latent = self.latent
        each = (self.elements - self._gathered(context)) // context - latent.rope_dim
        fitting = min(self.heads, each // (latent.nope_dim + latent.value_dim))
        return -(-self.heads // -(-self.heads // fitting)) if fitting > 0 else 0

    def expands(self, count: int, context: int) -> bool:
        """Whether the last ``count`` tokens of ``context`` attend to keys and values by heads."""
        latent = self.latent
        absorbed = latent.cached_width + latent.kv_rank
        pays = expanding_pays(
            latent, count=count, prefix=context - count, absorbed=absorbed, expanded=latent.expanded_width
        )
        return pays and self.heads_at_once(context) > 0

    def _width(self, heads: int) -> int:
        """Elements of a token's keys and values."""
        return heads * (self.latent.nope_dim + self.latent.value_dim) + self.latent.rope_dim

    def _gathered(self, context: int) -> int:
        return min(context, self.gathered) * self.latent.kv_rank

    @property
    def _absorbed_row(self) -> int:
        """Elements of one row: its query, absorbed and joined with its other part, or what comes of it, before and
        behind the product that makes values; deterministic products pad and join both."""
        latent = self.latent
        return self.heads * (2 * latent.kv_rank + latent.expanded_width + latent.value_dim)

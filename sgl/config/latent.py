"""`LatentConfig`: multi-head latent attention as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EXPANDED_ELEMENTS: Final = 2**22
"""Elements of the keys, and of the values, that a cached prefix is expanded to at once on a CPU."""


@dataclass(frozen=True, kw_only=True)
class LatentConfig:
    """Attention over one compressed vector per token (MLA, DeepSeek-V2, 2024).

    Attributes:
        q_rank: Width of the compressed query; None when queries are projected at once.
        kv_rank: Width of the compressed key and value.
        nope_dim: Elements of a query or key head without position.
        rope_dim: Elements with position; the key's are shared by all heads.
        value_dim: Elements of a value head.
    """

    q_rank: int | None
    kv_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int

    @property
    def cached_width(self) -> int:
        """Elements cached per token and layer."""
        return self.kv_rank + self.rope_dim

    @property
    def expanded_width(self) -> int:
        """Elements of a key and a value of one head."""
        return self.nope_dim + self.rope_dim + self.value_dim


def expanding_pays(latent: LatentConfig, *, count: int, prefix: int, absorbed: int, expanded: int) -> bool:
    """Whether keys and values by heads take fewer multiply-adds than compressed vectors, in one head.

    The new tokens cost one product with the matrix either way, as queries and results or as keys and values. A prefix
    costs one more when it is expanded, which the new tokens' pairs with it have to pay for.

    Args:
        count: New tokens.
        prefix: Tokens in front of them.
        absorbed: Multiply-adds for a pair of query and compressed vector.
        expanded: Those for a pair of query and key.
    """
    pairs = count * prefix + count * (count + 1) // 2
    spent = prefix * latent.kv_rank * (latent.nope_dim + latent.value_dim)
    return count > 1 and spent < pairs * (absorbed - expanded)

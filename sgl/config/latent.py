"""`LatentConfig`: multi-head latent attention as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EXPANDED_ELEMENTS: Final = 2**22
"""Elements of the keys, and of the values, that a cached prefix is expanded to at once."""


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

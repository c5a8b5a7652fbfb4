"""`KvUp`: what takes the compressed vectors of multi-head latent attention to the keys and values of all heads.

DeepSeek-V2 (2024, section 2.1.2): with k = W_UK c and v = W_UV c the score q . (W_UK c) is (W_UK^T q) . c, and the sum
of weighted values is W_UV times the weighted sum of the c. So attention can be computed on the compressed vectors
alone, with W_UK absorbed into the query and W_UV into the output; nothing is expanded.

The two halves are kept as two tensors in the layout of their products. As views of the checkpoint's one matrix they
cost the same in float32 and far more in bfloat16, where torch copies them per call: 155 and 1500 microseconds against
150 (16 heads, 128 x 512, one row, one thread).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.kernels.matmul import TILE_ROWS


class KvUp:
    """W_UK and W_UV of one layer.

    Args:
        weight: [heads * (nope_dim + value_dim), rank], head by head: the rows of its keys, then those of its values.
        deterministic: Each row's bits must not depend on the number of rows.
    """

    def __init__(self, weight: Tensor, heads: int, nope_dim: int, *, deterministic: bool) -> None:
        by_head = weight.view(heads, -1, weight.shape[1])
        self._key = by_head[:, :nope_dim].contiguous()
        self._value = by_head[:, nope_dim:].transpose(1, 2).contiguous()
        self._deterministic = deterministic

    def absorb(self, query: Tensor) -> Tensor:
        """Queries as they meet compressed keys: [tokens, heads, nope_dim] -> [tokens, heads, rank]."""
        return self._by_head(query, self._key)

    def mix(self, mixed: Tensor) -> Tensor:
        """Weighted sums of compressed vectors -> of values: [tokens, heads, rank] -> [tokens, heads, value_dim]."""
        return self._by_head(mixed, self._value)

    def expand(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Keys without position [heads, count, nope_dim] and values [heads, count, value_dim] of [count, rank]."""
        heads, nope_dim, rank = self._key.shape
        keys = F.linear(latent, self._key.view(heads * nope_dim, rank)).view(-1, heads, nope_dim).transpose(0, 1)
        return keys, torch.matmul(latent, self._value)

    def expand_heads(self, latent: Tensor, heads: slice, keys: Tensor, values: Tensor) -> None:
        """`expand` of some heads into ``keys`` and ``values``, which may be views of more tokens."""
        key, value = self._key[heads], self._value[heads]
        shared = latent.expand(len(key), -1, -1)
        torch.bmm(shared, key.transpose(1, 2), out=keys)
        torch.bmm(shared, value, out=values)

    def _by_head(self, x: Tensor, weight: Tensor) -> Tensor:
        rows = x.transpose(0, 1)
        if not self._deterministic:
            return torch.bmm(rows, weight).transpose(0, 1)
        count = rows.shape[1]
        padded = F.pad(rows, (0, 0, 0, -count % TILE_ROWS))
        tiles = [torch.bmm(tile, weight) for tile in torch.split(padded, TILE_ROWS, dim=1)]
        return torch.cat(tiles, dim=1)[:, :count].transpose(0, 1)

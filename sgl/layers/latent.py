"""Multi-head latent attention (DeepSeek-V2, 2024): one compressed vector per token is cached for all heads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from sgl.batch.context import ForwardContext
from sgl.config.layout.group import LatentWeights
from sgl.config.layout.weight import Matrix, Norm
from sgl.config.model import ModelConfig
from sgl.kernels.latent import KvUp
from sgl.layers.base import Group
from sgl.layers.linear import Linear
from sgl.layers.norm import RMSNorm
from sgl.layers.rope import Rotation
from sgl.weights.slot import Placement, Slot
from sgl.weights.store import store

NORM_EPS: Final = 1e-6
"""Of the norms of compressed vectors; DeepSeek's code does not read ``rms_norm_eps`` for them."""


class KvUpProjection:
    """Holds the matrix of a `KvUp`, which is taken apart when loading ends.

    Args:
        nope_dim: Rows of a head that make its key; the others make its value.
    """

    def __init__(self, matrix: Matrix, heads: int, nope_dim: int, place: Placement) -> None:
        self._stored = store(matrix, place)
        self._bytes = matrix.width * matrix.inputs * place.dtype.itemsize
        self._heads = heads
        self._nope_dim = nope_dim
        self._up: KvUp | None = None

    @property
    def up(self) -> KvUp:
        """The two halves."""
        assert self._up is not None, "finish comes before forward"
        return self._up

    def slots(self) -> Iterator[Slot]:
        """What the checkpoint must hold."""
        return self._stored.slots()

    def finish(self, deterministic: bool) -> None:
        """Takes the matrix apart."""
        self._up = KvUp(self._stored.dense(), self._heads, self._nope_dim, deterministic=deterministic)

    def weight_bytes(self) -> int:
        """Bytes of the two halves; codes are expanded."""
        return self._bytes


class LatentSelfAttention(Group):
    """Queries, at once or compressed first; the compressed vector; rope on parts of both; attention; output.

    Args:
        layer: Its number, by which the paged attention knows its cache.
    """

    def __init__(self, config: ModelConfig, weights: LatentWeights, layer: int, place: Placement) -> None:
        latent = config.latent
        assert latent is not None, "made for a model that has it"
        self._layer = layer
        self._heads = config.num_heads
        self._kv_rank, self._nope_dim = latent.kv_rank, latent.nope_dim

        def linear(matrix: Matrix | None) -> Linear | None:
            return None if matrix is None else Linear(matrix, place)

        def norm(norm: Norm) -> RMSNorm:
            return RMSNorm(norm, NORM_EPS, place)

        self._query, self._query_down = linear(weights.query), linear(weights.query_down)
        self._query_norm = None if weights.query_norm is None else norm(weights.query_norm)
        self._query_up = linear(weights.query_up)
        self._kv_down, self._kv_norm = Linear(weights.kv_down, place), norm(weights.kv_norm)
        self._kv_up = KvUpProjection(weights.kv_up, self._heads, latent.nope_dim, place)
        self._out = Linear(weights.out, place)
        queries = (self._query, self._query_down, self._query_norm, self._query_up)
        parts = [each for each in queries if each is not None]
        super().__init__(*parts, self._kv_down, self._kv_norm, self._kv_up, self._out)

    def forward(self, hidden: Tensor, rotation: Rotation | None, context: ForwardContext) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]."""
        assert rotation is not None, "its positional part is rotated"
        query = self._queries(hidden).view(len(hidden), self._heads, -1)
        turned = rotation.turn(query[..., self._nope_dim :])
        query = torch.cat([query[..., : self._nope_dim], turned], dim=-1)
        down = self._kv_down.forward(hidden)
        # The positional part of the key is one head that all query heads read.
        position = rotation.turn(down[:, self._kv_rank :].unsqueeze(1)).squeeze(1)
        latent = torch.cat([self._kv_norm.forward(down[:, : self._kv_rank]), position], dim=-1)
        return self._out.forward(context.latent.forward(self._layer, query, latent, self._kv_up.up))

    def _queries(self, hidden: Tensor) -> Tensor:
        if self._query is not None:
            return self._query.forward(hidden)
        assert self._query_down is not None
        assert self._query_norm is not None
        assert self._query_up is not None
        return self._query_up.forward(self._query_norm.forward(self._query_down.forward(hidden)))

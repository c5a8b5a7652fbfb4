"""`ScaledLatentPool`: the vectors of multi-head latent attention in 8 bits, with a multiplier for each of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kvcache.codec import CODECS
from sgl.kvcache.scaled import Codes


class ScaledLatentPool:
    """`sgl.kvcache.latent.VectorPool` in 8 bits (`sgl.kvcache.codec`), read in float32.

    The compressed part comes out of a norm and the part with position does not, so their elements may be of very
    different size: each has a multiplier of its own.

    Args:
        parts: Elements of each part of a vector.
    """

    def __init__(
        self,
        *,
        num_layers: int,
        num_pages: int,
        page_size: int,
        parts: tuple[int, ...],
        storage: KvStorage,
        device: torch.device,
    ) -> None:
        self.num_layers = num_layers
        self.head_dim = sum(parts)
        self.storage = storage
        self._codec = CODECS[storage]
        self._bounds = tuple(slice(*bounds) for bounds in pairwise(accumulate(parts, initial=0)))
        slots = (num_pages + 1) * page_size
        self._layers = [[Codes((slots, 1, size), page_size, device) for size in parts] for _ in range(num_layers)]

    @property
    def num_kv_heads(self) -> int:
        """One, which all query heads read."""
        return 1

    @property
    def dtype(self) -> torch.dtype:
        """Type in which vectors are read."""
        return torch.float32

    @property
    def exact(self) -> bool:
        """False: what was written is read rounded."""
        return False

    @property
    def bytes_total(self) -> int:
        """Bytes of all layers, multipliers and the padding page included."""
        return sum(part.bytes_total for layer in self._layers for part in layer)

    def parts(self, layer: int) -> tuple[Codes, ...]:
        """One layer's codes, part by part."""
        return tuple(self._layers[layer])

    def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
        """See `sgl.kvcache.pool.Pool.store`; ``key`` and ``value`` are the same, and it is written once."""
        for part, bounds in zip(self._layers[layer], self._bounds, strict=True):
            part.write(slots, key[..., bounds], self._codec)

    def view(self, layer: int, start: int, count: int) -> tuple[Tensor, Tensor]:
        """See `sgl.kvcache.pool.Pool.view`; a copy."""
        rows = self.read(layer, [(start, count)]).view(1, 1, count, -1)
        return rows, rows

    def gather(self, layer: int, slots: Tensor) -> tuple[Tensor, Tensor]:
        """See `sgl.kvcache.pool.Pool.gather`."""
        rows = torch.cat([part.gather(slots, self._codec) for part in self._layers[layer]], dim=-1)
        return rows, rows

    def read(self, layer: int, runs: Sequence[tuple[int, int]]) -> Tensor:
        """See `sgl.kvcache.latent.VectorPool.read`; a copy."""
        parts = self._layers[layer]
        decoded = [torch.cat([part.run(*run, self._codec).squeeze(1) for part in parts], dim=-1) for run in runs]
        return decoded[0] if len(decoded) == 1 else torch.cat(decoded)

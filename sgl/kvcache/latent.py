"""What multi-head latent attention keeps of all pages: `VectorPool`, and `LatentPool`, which keeps it as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from sgl.kvcache.pool import Pool


class VectorPool(Pool, Protocol):
    """One vector per token and layer: the compressed key and value, and the key's part with position.

    To absorbed attention this is a pool with one KV head, whose key is the vector and whose value is the same vector.
    """

    num_layers: int

    def read(self, layer: int, runs: Sequence[tuple[int, int]]) -> Tensor:
        """The vectors in ``runs`` (slot_start, slot_count), in order: [count, width]."""
        ...


class LatentPool:
    """`VectorPool` in the type that vectors are computed in.

    Tensors are [slots, width]; K and V are views of one of them. All but the padding page stays uninitialised, so the
    operating system gives its memory only when it is used.

    Args:
        width: Elements of a vector.
    """

    def __init__(
        self,
        *,
        num_layers: int,
        num_pages: int,
        page_size: int,
        width: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.num_layers = num_layers
        shape = ((num_pages + 1) * page_size, width)
        self.vectors: list[Tensor] = [torch.empty(shape, dtype=dtype, device=device) for _ in range(num_layers)]
        for tensor in self.vectors:
            tensor[:page_size].zero_()

    @property
    def num_kv_heads(self) -> int:
        """One, which all query heads read."""
        return 1

    @property
    def head_dim(self) -> int:
        """Elements of a vector."""
        return self.vectors[0].shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """Element type of vectors."""
        return self.vectors[0].dtype

    @property
    def exact(self) -> bool:
        """True: what was written is read, as views."""
        return True

    @property
    def bytes_total(self) -> int:
        """Bytes of all layers, the padding page included."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.vectors)

    def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
        """See `sgl.kvcache.pool.Pool.store`; ``key`` and ``value`` are the same, and it is written once."""
        self.vectors[layer].index_copy_(0, slots, key.squeeze(1).to(self.dtype))

    def view(self, layer: int, start: int, count: int) -> tuple[Tensor, Tensor]:
        """See `sgl.kvcache.pool.Pool.view`; without a copy."""
        rows = self.vectors[layer][start : start + count].view(1, 1, count, -1)
        return rows, rows

    def gather(self, layer: int, slots: Tensor) -> tuple[Tensor, Tensor]:
        """See `sgl.kvcache.pool.Pool.gather`."""
        rows = self.vectors[layer].index_select(0, slots).unsqueeze(1)
        return rows, rows

    def read(self, layer: int, runs: Sequence[tuple[int, int]]) -> Tensor:
        """See `VectorPool.read`; a view when it is one run."""
        pieces = [self.vectors[layer][start : start + count] for start, count in runs]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

"""`KVPool`: the keys and values of all pages, one pair of tensors per layer."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from sgl.kernels.fused import KvTarget


class Pool(Protocol):
    """What attention by heads reads and writes. Slot ``page * page_size + offset`` holds one token of one layer.

    Page 0 is padding: it is zero and never written, so a padded row reads finite values. No other slot is read
    before it is written.
    """

    @property
    def num_kv_heads(self) -> int:
        """Heads of a token's K, and of its V."""
        ...

    @property
    def head_dim(self) -> int:
        """Elements of a head."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Type in which K and V are read."""
        ...

    @property
    def exact(self) -> bool:
        """Whether K and V are read as they were written, as views: False where they are rounded and expanded."""
        ...

    @property
    def bytes_total(self) -> int:
        """Bytes of all layers, the padding page included."""
        ...

    def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
        """Writes K and V of new tokens.

        Args:
            slots: int64 [tokens], distinct.
            key: [tokens, num_kv_heads, head_dim], converted to the pool's type.
            value: Like key.
        """
        ...

    def view(self, layer: int, start: int, count: int) -> tuple[Tensor, Tensor]:
        """K and V of the slots from ``start`` on: [1, num_kv_heads, count, head_dim] each.

        What is no view is overwritten by the next call.
        """
        ...

    def gather(self, layer: int, slots: Tensor) -> tuple[Tensor, Tensor]:
        """K and V of any slots, int64 [count], copied: [count, num_kv_heads, head_dim] each."""
        ...


class PagedPool(Pool, Protocol):
    """A pool whose tensors kernels read and write themselves."""

    def target(self, layer: int, slots: Tensor) -> KvTarget:
        """One layer's tensors, for tokens that go to ``slots``."""
        ...


class KVPool:
    """`Pool` that keeps K and V in the type they are computed in.

    Tensors are [slots, num_kv_heads, head_dim]. All but the padding page stays uninitialised, so the operating system
    gives its memory only when it is used.
    """

    def __init__(
        self,
        *,
        num_layers: int,
        num_pages: int,
        page_size: int,
        num_kv_heads: int,
        head_dim: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        shape = ((num_pages + 1) * page_size, num_kv_heads, head_dim)
        self.num_kv_heads = num_kv_heads
        self.head_dim = head_dim
        self._stride = (0, head_dim, num_kv_heads * head_dim, 1)
        self.page_size = page_size
        self.num_pages = num_pages
        self.keys: list[Tensor] = [torch.empty(shape, dtype=dtype, device=device) for _ in range(num_layers)]
        self.values: list[Tensor] = [torch.empty(shape, dtype=dtype, device=device) for _ in range(num_layers)]
        for tensor in (*self.keys, *self.values):
            tensor[:page_size].zero_()

    @property
    def dtype(self) -> torch.dtype:
        """Element type of K and V."""
        return self.keys[0].dtype

    @property
    def exact(self) -> bool:
        """True: what was written is read, as views."""
        return True

    @property
    def bytes_total(self) -> int:
        """Bytes of all layers' K and V, the padding page included."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (*self.keys, *self.values))

    def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
        """See `Pool.store`."""
        self.keys[layer].index_copy_(0, slots, key.to(self.dtype))
        self.values[layer].index_copy_(0, slots, value.to(self.dtype))

    def target(self, layer: int, slots: Tensor) -> KvTarget:
        """See `PagedPool.target`."""
        return KvTarget(self.keys[layer], self.values[layer], slots)

    def view(self, layer: int, start: int, count: int) -> tuple[Tensor, Tensor]:
        """See `Pool.view`; without a copy."""
        # One call that makes the view is cheaper than three that slice and transpose.
        shape = (1, self.num_kv_heads, count, self.head_dim)
        stride, offset = self._stride, start * self._stride[2]
        return self.keys[layer].as_strided(shape, stride, offset), self.values[layer].as_strided(shape, stride, offset)

    def gather(self, layer: int, slots: Tensor) -> tuple[Tensor, Tensor]:
        """See `Pool.gather`."""
        return _gather(self.keys[layer], slots), _gather(self.values[layer], slots)


def _gather(states: Tensor, slots: Tensor) -> Tensor:
    # Rows of one dimension are copied faster than rows of two.
    return states.view(len(states), -1).index_select(0, slots).view(-1, *states.shape[1:])

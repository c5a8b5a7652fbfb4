"""`KVPool`: the keys and values of all pages, one pair of tensors per layer."""

from __future__ import annotations

import torch
from torch import Tensor


class KVPool:
    """Paged storage. Slot ``page * page_size + offset`` holds one token's K and V of one layer.

    Tensors are [slots, num_kv_heads, head_dim]. Page 0 is padding: it is zero and never written, so a padded
    row reads finite values. No other slot is read before it is written, so the rest stays uninitialised,
    and the operating system gives its memory only when it is used.
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
    def bytes_total(self) -> int:
        """Bytes of all layers' K and V, the padding page included."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (*self.keys, *self.values))

    def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
        """Writes K and V of new tokens.

        Args:
            slots: int64 [tokens], distinct.
            key: [tokens, num_kv_heads, head_dim], converted to the pool's type.
            value: Like key.
        """
        self.keys[layer].index_copy_(0, slots, key.to(self.dtype))
        self.values[layer].index_copy_(0, slots, value.to(self.dtype))

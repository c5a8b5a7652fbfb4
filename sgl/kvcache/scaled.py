"""`ScaledPool`: keys and values of all pages in 8 bits, with a multiplier for each token's head."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.fused import KvTarget
from sgl.kvcache.codec import CODECS, Codec


class Codes:
    """One side (K or V) of one layer.

    Attributes:
        codes: int8 [slots, heads, head_dim].
        multipliers: float32 [slots, heads].
    """

    def __init__(self, shape: tuple[int, int, int], padding: int, device: torch.device) -> None:
        self.codes = torch.empty(shape, dtype=torch.int8, device=device)
        self.multipliers = torch.empty(shape[:2], dtype=torch.float32, device=device)
        self.codes[:padding].zero_()
        self.multipliers[:padding].zero_()

    def write(self, slots: Tensor, heads: Tensor, codec: Codec) -> None:
        """Encodes [tokens, heads, head_dim] into ``slots``."""
        codes, multipliers = codec.encode(heads)
        self.codes.index_copy_(0, slots, codes)
        self.multipliers.index_copy_(0, slots, multipliers)

    def run(self, start: int, count: int, codec: Codec, out: Tensor | None = None) -> Tensor:
        """Decodes the slots from ``start`` on: float32 [count, heads, head_dim], written to ``out``, if given."""
        return codec.decode(self.codes[start : start + count], self.multipliers[start : start + count], out)

    def gather(self, slots: Tensor, codec: Codec) -> Tensor:
        """Decodes any slots."""
        _, heads, width = self.codes.shape
        codes = self.codes.view(-1, heads * width).index_select(0, slots).view(-1, heads, width)
        return codec.decode(codes, self.multipliers.index_select(0, slots))

    @property
    def bytes_total(self) -> int:
        """Codes and multipliers."""
        return self.codes.nbytes + self.multipliers.nbytes


class ScaledPool:
    """`sgl.kvcache.pool.Pool` in 8 bits (`sgl.kvcache.codec`), read in float32.

    A reader bounds what it asks for at once: every read is a copy four times as large as what is kept.
    """

    def __init__(
        self,
        *,
        num_layers: int,
        num_pages: int,
        page_size: int,
        num_kv_heads: int,
        head_dim: int,
        storage: KvStorage,
        device: torch.device,
    ) -> None:
        self.num_kv_heads = num_kv_heads
        self.head_dim = head_dim
        self._storage = storage
        self._codec = CODECS[storage]
        shape = ((num_pages + 1) * page_size, num_kv_heads, head_dim)
        self._keys = [Codes(shape, page_size, device) for _ in range(num_layers)]
        self._values = [Codes(shape, page_size, device) for _ in range(num_layers)]
        self._scratch = torch.empty(0)

    @property
    def dtype(self) -> torch.dtype:
        """Type in which K and V are read."""
        return torch.float32

    @property
    def exact(self) -> bool:
        """False: what was written is read rounded."""
        return False

    @property
    def bytes_total(self) -> int:
        """Bytes of all layers, multipliers and the padding page included."""
        return sum(side.bytes_total for side in (*self._keys, *self._values))

    def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
        """See `sgl.kvcache.pool.Pool.store`."""
        self._keys[layer].write(slots, key, self._codec)
        self._values[layer].write(slots, value, self._codec)

    def target(self, layer: int, slots: Tensor) -> KvTarget:
        """See `sgl.kvcache.pool.PagedPool.target`."""
        keys, values = self._keys[layer], self._values[layer]
        return KvTarget(keys.codes, values.codes, slots, self._storage, keys.multipliers, values.multipliers)

    def view(self, layer: int, start: int, count: int) -> tuple[Tensor, Tensor]:
        """See `sgl.kvcache.pool.Pool.view`; a copy, which holds until the next call."""
        shape = (count, self.num_kv_heads, self.head_dim)
        wanted = 2 * count * self.num_kv_heads * self.head_dim
        if self._scratch.numel() < wanted:
            # Kept: memory that is fresh at every call costs more in page faults than all of the conversion.
            self._scratch = torch.empty(wanted)
        key, value = self._scratch[:wanted].view(2, *shape)
        self._keys[layer].run(start, count, self._codec, key)
        self._values[layer].run(start, count, self._codec, value)
        return key.transpose(0, 1).unsqueeze(0), value.transpose(0, 1).unsqueeze(0)

    def gather(self, layer: int, slots: Tensor) -> tuple[Tensor, Tensor]:
        """See `sgl.kvcache.pool.Pool.gather`."""
        return self._keys[layer].gather(slots, self._codec), self._values[layer].gather(slots, self._codec)

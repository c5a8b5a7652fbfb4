"""How a head of K or V becomes 8-bit codes and one float32 multiplier, and back.

Both kinds scale each token's head by its largest element. For int8 that is needed. For FP8 E4M3 other engines convert
with scale 1.0; with a scale the error is no larger anywhere and much smaller where values are small or large, at 4
bytes a head. Root mean square error relative to the values, heads of 128, normally distributed:

====================================  =========  ==========  =====
values                                fp8 plain  fp8 scaled   int8
====================================  =========  ==========  =====
standard deviation 0.003                  18.8%        2.6%  0.65%
0.01                                       5.6%        2.6%  0.65%
0.1 to 100                                 2.6%        2.6%  0.65%
300                                       21.6%        2.6%  0.65%
two channels 10 and 20 times larger:
0.01                                       3.5%        1.4%   2.1%
1                                          2.7%        1.4%   2.1%
10                                         6.3%        1.4%   2.1%
====================================  =========  ==========  =====

The last rows are like keys of trained models, the first ones like values, so neither kind is always better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import torch
from torch import Tensor

from sgl.config.kv import KvStorage

INT8_LARGEST: Final = 127.0
FP8_LARGEST: Final = 448.0
FP16_PER_FP8: Final = 256.0
"""E4M3's bits, moved into float16's places, mean this much less: the exponents' biases are 7 and 15."""


class Decode(Protocol):
    """From codes to numbers."""

    def __call__(self, codes: Tensor, multipliers: Tensor, out: Tensor | None = None) -> Tensor:
        """int8 codes [..., head_dim] and multipliers [...] -> float32 [..., head_dim], written to ``out``, if given."""
        ...


class Codec(NamedTuple):
    """A kind of codes.

    Attributes:
        encode: float [..., head_dim] -> int8 codes [..., head_dim] and float32 multipliers [...]. What is not finite
            stays so: its multiplier is not finite.
        decode: The way back.
    """

    encode: Callable[[Tensor], tuple[Tensor, Tensor]]
    decode: Decode


def encode_int8(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Rounds to whole multiples of a 127th of the largest element."""
    units, scales = _scaled(heads, INT8_LARGEST)
    return units.round_().to(torch.int8), scales


def decode_int8(codes: Tensor, multipliers: Tensor, out: Tensor | None = None) -> Tensor:
    """See `Decode`."""
    return _written(codes, out).mul_(multipliers.unsqueeze(-1))


def encode_fp8(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Rounds to E4M3 where the largest element is its largest number."""
    units, scales = _scaled(heads, FP8_LARGEST)
    codes = units.clamp_(-FP8_LARGEST, FP8_LARGEST).to(torch.float8_e4m3fn)
    return codes.view(torch.int8), scales.mul_(FP16_PER_FP8)


def decode_fp8(codes: Tensor, multipliers: Tensor, out: Tensor | None = None) -> Tensor:
    """See `Decode`. Moves bits, which is 7 times as fast as torch's conversion of float8 on a CPU.

    s eeee mmm becomes s 0 eeee mmm 0000000: the product with 128 moves all of it, and doubles the sign, of which the
    mask takes one.
    """
    bits = codes.to(torch.int16).mul_(128).bitwise_and_(-0x4001)
    return _written(bits.view(torch.float16), out).mul_(multipliers.unsqueeze(-1))


def _written(numbers: Tensor, out: Tensor | None) -> Tensor:
    return numbers.float() if out is None else out.copy_(numbers)


def _scaled(heads: Tensor, largest: float) -> tuple[Tensor, Tensor]:
    """Float32 heads over their scales, so that no element is beyond ``largest``, and the scales [...].

    Divides where a product with the inverse would be faster, because ties are rounded as by everybody who divides.
    """
    wide = heads.float()
    scales = wide.abs().amax(dim=-1, keepdim=True).div_(largest)
    units = wide / scales.clamp_min(torch.finfo(torch.float32).tiny)  # A head of zeros has scale 0.
    return units, scales.squeeze(-1)


CODECS: Final[dict[KvStorage, Codec]] = {
    "int8": Codec(encode_int8, decode_int8),
    "fp8_e4m3": Codec(encode_fp8, decode_fp8),
}

"""Products of int8 codes by int8 codes; see `sgl.kernels.triton.int8`."""

from __future__ import annotations

import torch
from torch import Tensor


def int8_matmul(
    x_codes: Tensor, x_scale: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """Scales [rows] and [out]; sums are exact."""
    result = (x_codes.double() @ codes.double().T).float() * x_scale[:, None] * scale
    return (result if bias is None else result + bias.float()).to(dtype)

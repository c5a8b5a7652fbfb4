"""Products of few rows, of weights as they are and of 8-bit codes; see `sgl.kernels.triton.skinny`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sgl.kernels.epilogue import Epilogue
from sgl.kernels.twins.activation import activated, gated
from sgl.kernels.twins.expand import over_blocks


def skinny(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, epilogue: Epilogue | None = None) -> Tensor:
    """[rows, in] and [out, in] -> [rows, out], or what the epilogue leaves of that."""
    wide = F.linear(x.float(), weight.float(), None if bias is None else bias.float())
    if epilogue is not None:
        wide = (gated if epilogue.gated else activated)(wide, epilogue.activation)
    return wide.to(x.dtype)


def skinny_fp8(
    x: Tensor,
    codes: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    block: int = 128,
    epilogue: Epilogue | None = None,
) -> Tensor:
    """E4M3 codes with scales [out] or one per block."""
    wide = scale[:, None] if scale.dim() == 1 else over_blocks(scale, codes.shape, block, block)
    return skinny(x, codes.float() * wide, bias, epilogue=epilogue)


def skinny_int8(
    x: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None = None, *, epilogue: Epilogue | None = None
) -> Tensor:
    """int8 codes with scales [out]."""
    return skinny(x, codes.float() * scale[:, None], bias, epilogue=epilogue)

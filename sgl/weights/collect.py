"""`Collector`: takes what products would be made of, so that many of them can be made into one.

A `sgl.weights.stored.Stored` hands its weights to its placement's `Products`. These keep them instead of multiplying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from sgl.errors import CheckpointError
from sgl.kernels.expert_weight import AnyExperts, ExpertWeight, PackedExperts
from sgl.kernels.grouped import INT8_MIDDLE, PackedInt4, pack_int4
from sgl.kernels.int4 import dequantize
from sgl.kernels.matmul import Matmul
from sgl.kernels.products import Products


@dataclass(frozen=True, slots=True)
class Piece:
    """What one product would have been made of.

    Attributes:
        weight: [outputs, inputs]: in the type of activations, torch.float8_e4m3fn, int8, or packed.
        scale: float32 [outputs] or one for each block, of FP8 and int8; else None.
        bias: [outputs] or None.
    """

    weight: Tensor | PackedInt4
    scale: Tensor | None = None
    bias: Tensor | None = None


class Collector:
    """Hears of weights, piece by piece.

    Args:
        expands: Codes are made into weights in the type of activations.
    """

    def __init__(self, *, expands: bool) -> None:
        self._expands: Final = expands
        self._pieces: list[Piece] = []

    @property
    def products(self) -> Products:
        """For a placement; what they return is not to be called."""
        fp8 = None if self._expands else self._fp8
        return Products(self._dense, self._int8, self._int4, self._int8_group, fp8)

    def take(self) -> list[Piece]:
        """All pieces since the last call, in order."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def _add(self, piece: Piece) -> Matmul:
        self._pieces.append(piece)
        return _never

    def _dense(self, weight: Tensor, bias: Tensor | None, *, deterministic: bool) -> Matmul:
        return self._add(Piece(weight, None, bias))

    def _int8(
        self, weight: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype, *, deterministic: bool
    ) -> Matmul:
        if self._expands:
            return self._add(Piece(weight.float().mul_(scale.unsqueeze(1)).to(dtype), None, bias))
        return self._add(Piece(weight, scale, bias))

    def _fp8(
        self,
        codes: Tensor,
        scale: Tensor,
        block: tuple[int, int] | None,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        deterministic: bool,
    ) -> Matmul:
        return self._add(Piece(codes, scale.float(), bias))

    def _int4(
        self,
        codes: Tensor,
        scale: Tensor,
        zero: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        order: Tensor | None = None,
        deterministic: bool,
    ) -> Matmul:
        if self._expands:
            return self._add(Piece(_expanded(codes, scale, zero, dtype, order), None, bias))
        return self._add(Piece(pack_int4(codes, scale, zero, dtype, order=order), None, bias))

    def _int8_group(
        self,
        codes: Tensor,
        scale: Tensor,
        zero: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        order: Tensor | None = None,
        deterministic: bool,
    ) -> Matmul:
        if self._expands:
            return self._add(Piece(_expanded(codes, scale, zero, dtype, order), None, bias))
        assert scale.shape[1] == 1, "of int8 codes; others in groups are expanded"
        return self._add(Piece(codes.bitwise_xor(INT8_MIDDLE).view(torch.int8), scale.squeeze(1), bias))


def experts_of(pieces: Sequence[Piece], count: int, width: int, name: str) -> AnyExperts:
    """One weight of what ``count`` experts were made of, in their order.

    Args:
        width: Outputs of an expert.
        name: What the checkpoint calls it, for errors.

    Raises:
        CheckpointError: Experts have their inputs in orders of their own, and the config does not say so.
    """
    bias = _biases(pieces, width)
    packed = [piece.weight for piece in pieces if isinstance(piece.weight, PackedInt4)]
    if packed:
        if any(each.order is not None for each in packed):
            raise CheckpointError(
                f"'{name}' has its inputs in an order of its own, which config.json does not say",
                hint='set "desc_act": true in its quantization_config, or run it on the CPU (--device cpu)',
            )
        return PackedExperts.stack(packed, bias)
    # Of an expert there is more than one piece where only some of its matrices are quantised.
    weight = torch.cat([piece.weight for piece in pieces if isinstance(piece.weight, Tensor)])
    scales = [piece.scale for piece in pieces if piece.scale is not None]
    return ExpertWeight(weight.view(count, -1, weight.shape[1]), torch.stack(scales) if scales else None, bias)


def _biases(pieces: Sequence[Piece], width: int) -> Tensor | None:
    """[experts, width]; pieces that have none get zeros, and None is that none has any."""
    present = next((piece.bias for piece in pieces if piece.bias is not None), None)
    if present is None:
        return None
    each = [present.new_zeros(_outputs(piece)) if piece.bias is None else piece.bias for piece in pieces]
    return torch.cat(each).view(-1, width)


def _outputs(piece: Piece) -> int:
    return len(piece.weight.words if isinstance(piece.weight, PackedInt4) else piece.weight)


def _never(x: Tensor) -> Tensor:
    raise AssertionError("weights were collected, not multiplied")


def _expanded(codes: Tensor, scale: Tensor, zero: Tensor, dtype: torch.dtype, order: Tensor | None) -> Tensor:
    """Rounded once, inputs in their own order."""
    weight = dequantize(codes, scale, zero).to(dtype)
    return weight if order is None else torch.empty_like(weight).index_copy_(1, order, weight)

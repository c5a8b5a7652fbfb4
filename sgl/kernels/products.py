"""`Products`: how a device multiplies by weights, from each form in which they are held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from sgl.kernels.int4 import int4_product
from sgl.kernels.int8 import int8_product
from sgl.kernels.int8_group import int8_group_product
from sgl.kernels.matmul import Matmul, choose_matmul


class DenseProduct(Protocol):
    """Of weights in the type of activations."""

    def __call__(self, weight: Tensor, bias: Tensor | None, *, deterministic: bool) -> Matmul:
        """See `sgl.kernels.matmul.choose_matmul`."""
        ...


class Int8Product(Protocol):
    """Of int8 weights and activations."""

    def __call__(
        self, weight: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype, *, deterministic: bool
    ) -> Matmul:
        """See `sgl.kernels.int8.int8_product`."""
        ...


class GroupProduct(Protocol):
    """Of 4-bit or 8-bit weights in groups, and activations as they are."""

    def __call__(
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
        """See `sgl.kernels.int4.int4_product`."""
        ...


class Fp8Product(Protocol):
    """Of FP8 weights."""

    def __call__(
        self,
        codes: Tensor,
        scale: Tensor,
        block: tuple[int, int] | None,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        deterministic: bool,
    ) -> Matmul:
        """Prepares one weight.

        Args:
            codes: float8_e4m3fn [out_features, in_features].
            scale: float32 [out_features], or one for each block, [rows of blocks, columns of blocks].
            block: Outputs and inputs of a block; those at the edges may be smaller. None is a scale per output.
            bias: [out_features] or None.
            dtype: Type of activations and results.
            deterministic: Each row's bits must not depend on the number of rows.
        """
        ...


@dataclass(frozen=True, slots=True)
class Products:
    """One device's ways.

    Attributes:
        fp8: None where a device has no instructions for FP8, so that weights are expanded when they are loaded.
    """

    dense: DenseProduct
    int8: Int8Product
    int4: GroupProduct
    int8_group: GroupProduct
    fp8: Fp8Product | None = None


CPU_PRODUCTS: Final = Products(choose_matmul, int8_product, int4_product, int8_group_product)

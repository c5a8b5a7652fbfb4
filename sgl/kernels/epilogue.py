"""`Epilogue`: what a product does with its results before it stores them, where a device's kernels can do that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from sgl.config.model import Activation


@dataclass(frozen=True, slots=True)
class Epilogue:
    """The nonlinearity of a feed-forward block, see `sgl.layers.activation.nonlinearity`.

    Attributes:
        gated: The first half of the outputs, activated, multiplies the second; for ``clamped_silu`` both alternate.
    """

    activation: Activation
    gated: bool

    def width(self, outputs: int) -> int:
        """What it leaves of a product's outputs."""
        return outputs // 2 if self.gated else outputs


class EpilogueMatmul:
    """A `sgl.kernels.matmul.Matmul` that can be asked for more.

    Args:
        multiply: Of [rows, in_features] and an epilogue or None. It decides by the rows whether one kernel computes
            both, or one after the other.
    """

    def __init__(self, multiply: Callable[[Tensor, Epilogue | None], Tensor]) -> None:
        self._multiply = multiply

    def __call__(self, x: Tensor, epilogue: Epilogue | None = None) -> Tensor:
        """[..., in_features] -> [..., out_features], or what the epilogue leaves of them."""
        result = self._multiply(x.reshape(-1, x.shape[-1]), epilogue)
        return result.view(*x.shape[:-1], result.shape[-1])

"""`TritonKernels`: the fused kernels of `sgl.kernels.fused`, as layers call them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sgl.config.experts import ExpertsConfig
from sgl.config.model import Activation, NormKind
from sgl.kernels.expert_weight import AnyExperts
from sgl.kernels.fused import HeadNorms, HeadTurn, KvTarget
from sgl.kernels.triton import activation as activations
from sgl.kernels.triton.experts import experts
from sgl.kernels.triton.heads import write_heads
from sgl.kernels.triton.norm import add_rms_norm, rms_norm
from sgl.kernels.triton.router import route


@dataclass(frozen=True, slots=True)
class TritonKernels:
    """`sgl.kernels.fused.FusedKernels`.

    Attributes:
        dependent: Kernels start before the one in front has ended, where the GPU can (`sgl.kernels.triton.pdl`).
        deterministic: A token's bits do not depend on the rest of the batch.
    """

    dependent: bool = False
    deterministic: bool = False

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float, kind: NormKind) -> Tensor:
        """See `FusedKernels.rms_norm`."""
        return rms_norm(x, weight, eps, kind, dependent=self.dependent)

    def add_rms_norm(self, hidden: Tensor, added: Tensor, weight: Tensor, eps: float, kind: NormKind) -> Tensor:
        """See `FusedKernels.add_rms_norm`."""
        return add_rms_norm(hidden, added, weight, eps, kind, dependent=self.dependent)

    def nonlinearity(self, x: Tensor, activation: Activation, *, gated: bool) -> Tensor:
        """See `FusedKernels.nonlinearity`."""
        apply = activations.gated if gated else activations.activated
        return apply(x, activation, dependent=self.dependent)

    def write_heads(
        self, qkv: Tensor, heads: int, norms: HeadNorms | None, turn: HeadTurn | None, target: KvTarget
    ) -> Tensor:
        """See `FusedKernels.write_heads`."""
        return write_heads(qkv, heads, norms, turn, target, dependent=self.dependent)

    def route(
        self, logits: Tensor, config: ExpertsConfig, correction: Tensor | None, slots: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See `FusedKernels.route`."""
        return route(logits, config, correction, slots, dependent=self.dependent)

    def experts(
        self,
        hidden: Tensor,
        weights: Tensor,
        chosen: Tensor,
        gate_up: AnyExperts,
        down: AnyExperts,
        activation: Activation,
        *,
        gated: bool,
    ) -> Tensor:
        """See `FusedKernels.experts`."""
        return experts(
            hidden,
            weights,
            chosen,
            gate_up,
            down,
            activation=activation,
            is_gated=gated,
            deterministic=self.deterministic,
            dependent=self.dependent,
        )

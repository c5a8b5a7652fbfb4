"""The feed-forward blocks of a mixture of experts: five kernels, whatever the batch.

``down(activation(gate_up(x)))`` of the experts that were chosen, weighted and summed: pairs are sorted by expert, the
first product, the activation, the second product, the sum. `sgl.layers.experts.sum_by_masks` is the plain twin.
"""

from __future__ import annotations

from torch import Tensor

from sgl.config.model import Activation
from sgl.kernels.expert_weight import AnyExperts, PackedExperts
from sgl.kernels.triton.activation import activated, gated
from sgl.kernels.triton.align import Aligned, align
from sgl.kernels.triton.combine import combine
from sgl.kernels.triton.expert_int4 import expert_int4
from sgl.kernels.triton.expert_matmul import Tile, expert_matmul, tile_of


def experts(
    hidden: Tensor,
    weights: Tensor,
    chosen: Tensor,
    gate_up: AnyExperts,
    down: AnyExperts,
    *,
    activation: Activation,
    is_gated: bool = True,
    deterministic: bool = False,
    dependent: bool = False,
) -> Tensor:
    """Weighted results of each token's experts.

    Memory beside the result: ``tokens * chosen`` rows of what ``gate_up`` gives and of the inner width, then of the
    inner width and of the hidden size (`sgl.plan.feed_forward` counts them).

    Args:
        hidden: float32, bfloat16 or float16 [tokens, hidden_size].
        weights: float32 [tokens, chosen].
        chosen: int32 [tokens, chosen]; a negative number is no expert.
        gate_up: hidden_size -> inner, or twice that where it is gated: gate first; see `activation.gated`.
        down: inner -> hidden_size.
        is_gated: Whether there is a gate.
        deterministic: A token's bits do not depend on the rest of the batch.
        dependent: Each kernel is launched to start before the one in front of it has ended.

    Returns:
        [tokens, hidden_size] in the type of ``hidden``, summed in float32 in the order of the experts' numbers.
    """
    tile = tile_of(chosen.numel(), gate_up.experts, deterministic=deterministic)
    aligned = align(chosen, gate_up.experts, tile.rows, dependent=dependent)
    apply = gated if is_gated else activated
    # The first product's result goes as soon as it is activated.
    between = apply(
        _multiply(hidden, gate_up, aligned, tile, chosen.shape[1], dependent), activation, dependent=dependent
    )
    results = _multiply(between, down, aligned, tile, 1, dependent)
    return combine(results, weights, chosen, dependent=dependent)


def _multiply(x: Tensor, weight: AnyExperts, aligned: Aligned, tile: Tile, chosen: int, dependent: bool) -> Tensor:
    if isinstance(weight, PackedExperts):
        return expert_int4(x, weight, aligned, tile, chosen=chosen, dependent=dependent)
    return expert_matmul(x, weight, aligned, tile, chosen=chosen, dependent=dependent)

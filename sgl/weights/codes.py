"""`Codes`: weights in groups that share a scale and a zero point."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sgl.weights.part import Part


@dataclass(frozen=True, slots=True)
class Codes:
    """``W[o, order[i]] = (codes[o, i] - zero[o, g(i)]) * scale[o, g(i)]``; groups are of equal size.

    Attributes:
        codes: uint8 [outputs, inputs].
        scale: float32 [outputs, groups].
        zero: float32 [outputs, groups].
        order: int64 [inputs]: the input of each column; None where they are in order.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor
    order: Tensor | None

    def dense(self) -> Tensor:
        """W: float32 [outputs, inputs], columns in the order of inputs."""
        outputs, groups = self.scale.shape
        grouped = self.codes.view(outputs, groups, -1).float()
        weight = grouped.sub_(self.zero.unsqueeze(-1)).mul_(self.scale.unsqueeze(-1)).view(outputs, -1)
        if self.order is None:
            return weight
        return torch.empty_like(weight).index_copy_(1, self.order, weight)


def group_order(part: Part, suffix: str) -> Tensor | None:
    """The inputs, group by group, as ``g_idx`` says; None where groups are runs of neighbours.

    Raises:
        CheckpointError: It names no such groups.
    """
    index = part.take(suffix)
    groups = part.quantization.groups(part.inputs)
    size = part.inputs // groups
    if suffix == "weight_g_idx" and bool((index == -1).all()):
        # How compressed-tensors says that nothing was ordered.
        return None
    if bool(((index < 0) | (index >= groups)).any()):
        raise part.wrong(suffix, f"names groups beyond the {groups} there are")
    if torch.equal(index, torch.arange(part.inputs, device=index.device) // size):
        return None
    sizes = torch.bincount(index, minlength=groups)
    if bool((sizes != size).any()):
        raise part.wrong(suffix, f"makes groups of {int(sizes.min())} to {int(sizes.max())} inputs, not of {size} each")
    return torch.argsort(index, stable=True)


def in_order(codes: Tensor, order: Tensor | None) -> Tensor:
    """Columns of codes, group by group. Gathering takes half the time of selecting."""
    return codes if order is None else codes.gather(1, order.expand(len(codes), -1))


def joined(parts: list[Codes]) -> Codes:
    """Matrices side by side, all of one order."""
    if len(parts) == 1:
        return parts[0]
    return Codes(
        torch.cat([part.codes for part in parts]),
        torch.cat([part.scale for part in parts]),
        torch.cat([part.zero for part in parts]),
        parts[0].order,
    )


def same_order(parts: list[Codes]) -> bool:
    """Whether all have their columns in one order."""
    first = parts[0].order
    if first is None:
        return all(part.order is None for part in parts)
    return all(part.order is not None and torch.equal(part.order, first) for part in parts)

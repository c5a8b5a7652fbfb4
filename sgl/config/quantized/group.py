"""``group_size`` of a ``quantization_config``."""

from __future__ import annotations

from sgl.config.hf import HfConfig
from sgl.errors import UnsupportedModel


def read_group(own: HfConfig) -> int | None:
    """Inputs of a group; None is all of them, which checkpoints write as -1.

    Raises:
        UnsupportedModel: It is absent, 0 or another negative number.
    """
    group = own.require("group_size", int)
    if group == -1:
        return None
    if group <= 0:
        raise UnsupportedModel(f"{own.source}: 'group_size' must be above 0, or -1, not {group}")
    return group

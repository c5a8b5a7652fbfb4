"""The bytes that an object really holds in tensors, found by walking everything it refers to."""

from __future__ import annotations

import types

import torch
from torch import Tensor

from sgl.layers.rope import Rope


def held_bytes(root: object) -> int:
    """Bytes of all tensors below ``root``, each storage once; tables of the rotary embedding are not weights."""
    seen: set[int] = set()
    storages: dict[int, int] = {}
    stack = [root]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, (Rope, type, types.ModuleType)):
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            packed = item.layout == torch._mkldnn  # type: ignore[attr-defined]
            key = id(item) if packed else item.untyped_storage().data_ptr()
            storages[key] = torch.ops.mkldnn._nbytes(item) if packed else item.untyped_storage().nbytes()
        elif isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, (list, tuple, set, frozenset)):
            stack += item
        elif isinstance(item, types.FunctionType):
            stack += [cell.cell_contents for cell in item.__closure__ or ()]
        else:
            stack += vars(item).values() if hasattr(item, "__dict__") else ()
    return sum(storages.values())

"""Bytes: of the element types, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sgl.config.engine import DTypeName

ELEMENT_BYTES: Final[dict[DTypeName, int]] = {"bfloat16": 2, "float16": 2, "float32": 4}


def gib(count: int) -> str:
    """Bytes in words."""
    if 0 < count < 2**16:
        return f"{count / 2**10:.1f} KiB"
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"

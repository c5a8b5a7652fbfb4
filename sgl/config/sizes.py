"""Bytes: of the element types, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sgl.config.kv import KV_FORMATS, KvFormat, KvStorage

if TYPE_CHECKING:
    from sgl.config.engine import DTypeName

ELEMENT_BYTES: Final[dict[DTypeName, int]] = {"bfloat16": 2, "float16": 2, "float32": 4}


def kv_format(name: DTypeName | KvStorage) -> KvFormat:
    """What a KV cache of this type takes."""
    return KV_FORMATS[name] if name == "int8" or name == "fp8_e4m3" else KvFormat(ELEMENT_BYTES[name])


def gib(count: int) -> str:
    """Bytes in words."""
    if 0 < count < 2**16:
        return f"{count / 2**10:.1f} KiB"
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"

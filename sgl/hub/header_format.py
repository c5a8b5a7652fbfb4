"""The head of a safetensors file: 8 bytes of length, JSON, then the tensors without gaps.

https://github.com/huggingface/safetensors#format. Nothing is trusted: not the length, not the offsets.
"""

from __future__ import annotations

import json
from math import prod
from typing import Any, Final

from sgl.errors import CheckpointError
from sgl.plan.header import TensorHeader

LENGTH_BYTES: Final = 8
MOST_HEADER_BYTES: Final = 100_000_000
"""safetensors' own limit."""
BITS: Final = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""Bits of an element; an unknown type is taken as the file says."""


def header_length(place: object, first: bytes, file_bytes: int) -> int:
    """Bytes of the JSON, from the file's first 8 bytes.

    Args:
        place: The file, as people know it.
        file_bytes: Size of the whole file.

    Raises:
        CheckpointError: It is no safetensors file, or was cut off.
    """
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if len(first) < LENGTH_BYTES or not 2 <= length <= MOST_HEADER_BYTES:
        raise _damaged(place, "it does not begin as a safetensors file does")
    if LENGTH_BYTES + length > file_bytes:
        raise _damaged(place, f"it has {file_bytes} bytes and its header alone takes {LENGTH_BYTES + length}")
    return length


def parse_header(place: object, text: bytes, file_bytes: int) -> tuple[TensorHeader, ...]:
    """The tensors of a file, in the order of their data.

    Args:
        text: The JSON.

    Raises:
        CheckpointError: The JSON is damaged, or its tensors do not fill the file exactly.
    """
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(place, f"its header is not valid JSON ({error})") from error
    if not isinstance(document, dict):
        raise _damaged(place, "its header is no JSON object")
    spans = []
    for name, entry in document.items():
        if name != "__metadata__":
            header, start = _tensor(place, name, entry)
            spans.append((start, header))
    end = 0
    for start, header in sorted(spans, key=lambda span: (span[0], span[1].stored_bytes)):
        if start != end:
            raise _damaged(place, f"'{header.name}' begins at byte {start} of the data and not at {end}")
        end = start + header.stored_bytes
    promised = LENGTH_BYTES + len(text) + end
    if promised != file_bytes:
        raise _damaged(place, f"it has {file_bytes} bytes and its header promises {promised}")
    return tuple(header for _, header in sorted(spans, key=lambda span: span[0]))


def _tensor(place: object, name: str, entry: Any) -> tuple[TensorHeader, int]:
    """A tensor and the offset of its data."""
    fields = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = fields.get("dtype"), _counts(fields.get("shape")), _counts(fields.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2:
        raise _damaged(place, f"its entry of '{name}' lacks type, shape or place")
    start, end = offsets
    bits = BITS.get(dtype)
    if end < start or (bits is not None and -(-prod(shape) * bits // 8) != end - start):
        raise _damaged(place, f"'{name}' is {dtype} {shape} and takes {end - start} bytes")
    return TensorHeader(name, dtype, tuple(shape), end - start), start


def _counts(value: Any) -> list[int] | None:
    """A list of integers from 0 on, or None when it is something else."""
    good = isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
    return value if good else None


def _damaged(place: object, what: str) -> CheckpointError:
    return CheckpointError(f"{place} is damaged: {what}.", hint="Download it again: sgl download --verify finds out.")

"""Types of a KV cache: what they are called and what they take."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

KvStorage = Literal["fp8_e4m3", "int8"]
"""Types narrower than what is computed in: 8 bits an element, and a float32 scale for each token's head."""


class KvFormat(NamedTuple):
    """Bytes of a KV cache.

    Attributes:
        element_bytes: Of one element.
        scale_bytes: Beside each token's head of K, and of V.
    """

    element_bytes: int
    scale_bytes: int = 0


SCALE_BYTES: Final = 4
KV_FORMATS: Final[dict[KvStorage, KvFormat]] = {
    "fp8_e4m3": KvFormat(1, SCALE_BYTES),
    "int8": KvFormat(1, SCALE_BYTES),
}
KV_UNREADY: Final = {
    "fp8_e5m2": KvFormat(1),
    **dict.fromkeys(("bfloat16", "bf16", "float16", "fp16", "half"), KvFormat(2)),
    **dict.fromkeys(("float32", "fp32", "float"), KvFormat(4)),
}
"""Further types that people ask for: not served, but planned for."""
TILE_ELEMENTS: Final = 2**20
"""Most elements of K (and of V) that attention expands to float32 for one call."""
PIECE_TOKENS: Final = 4096
"""Keys gathered at once for a single query where results are to be deterministic. A constant: bits depend on it."""
KV_PLANNED: Final[dict[str, KvFormat]] = {**{str(name): KV_FORMATS[name] for name in KV_FORMATS}, **KV_UNREADY}
"""All that can be planned for, by name."""

"""Token ids as they travel: int32, little endian, four bytes each; without torch or numpy."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Final

ID_BYTES: Final = 4


def pack_ids(token_ids: Sequence[int]) -> bytes:
    """Token ids (each below 2**31) as bytes.

    Raises:
        OverflowError: An id does not fit.
        TypeError: An id is no integer.
    """
    ids = array("i", token_ids)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids.tobytes()


def unpack_ids(data: bytes) -> array[int]:
    """The ids of `pack_ids`, as an int32 array.

    Raises:
        ValueError: The length is no multiple of 4.
    """
    ids = array("i")
    ids.frombytes(data)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids

"""Names for threads, drafts and turns: 26 letters that sort by time, after the ULID specification."""

from __future__ import annotations

import os
import time
from typing import Final

LENGTH: Final = 26
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    """A new ULID: 48 bits of milliseconds since 1970, then 80 random bits, in Crockford's base 32."""
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_LETTERS[number >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))

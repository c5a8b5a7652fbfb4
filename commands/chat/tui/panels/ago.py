"""How long ago something was, in a word or two."""

from __future__ import annotations

import time
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def ago(moment: float, now: float) -> str:
    """Such as ``5 min ago``; after a week the date.

    Args:
        moment: Seconds since 1970.
        now: Seconds since 1970.
    """
    seconds = now - moment
    if seconds < _MINUTE:
        return "now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    if seconds < 2 * _DAY:
        return "yesterday"
    if seconds < 7 * _DAY:
        return f"{seconds // _DAY:.0f} days ago"
    return time.strftime("%Y-%m-%d", time.localtime(moment))

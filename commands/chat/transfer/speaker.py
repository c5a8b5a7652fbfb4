"""Who speaks and when, in words."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from ..store.messages import Message
from ..text.oneline import one_line

_NAMES: Final = {"user": "You", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def speaker(message: Message) -> str:
    """Such as ``You`` or ``Assistant (Qwen/Qwen3-0.6B)``."""
    model = one_line(message.model)
    return f"{_NAMES[message.role]} ({model})" if model else _NAMES[message.role]


def moment(seconds: float) -> str:
    """Such as ``2026-11-25 16:40 UTC``: the same on every machine."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):  # An imported file may claim any number.
        return "unknown time"

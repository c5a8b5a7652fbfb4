"""Which models of the Hugging Face Hub a machine can serve, for people who have not chosen one yet."""

from __future__ import annotations

from typing import Final

from sgl.device import DeviceInfo

MODELS: Final = (
    ("Qwen/Qwen2.5-0.5B-Instruct", 0.5),
    ("Qwen/Qwen3-0.6B", 0.6),
    ("Qwen/Qwen3-1.7B", 1.7),
    ("Qwen/Qwen2.5-3B-Instruct", 3.1),
    ("Qwen/Qwen3-4B-Instruct-2507", 4.0),
    ("Qwen/Qwen3-8B", 8.2),
    ("Qwen/Qwen3-14B", 14.8),
    ("Qwen/Qwen3-32B", 32.8),
)
"""Chat models whose files nobody has to ask for, and their parameters in thousand millions, smallest first."""

SUGGESTIONS: Final = 3
WEIGHTS_SHARE: Final = 0.5
"""Part of the free memory that weights may take; the engine computes in another type where they take more."""


def fitting_models(device: DeviceInfo) -> tuple[str, ...]:
    """The three largest models whose weights fit the memory that is free now, largest first.

    Where fewer fit it is the three smallest: memory may be freed, and a small one is what to try first.
    """
    bytes_per_parameter = 2 if device.fast_bfloat16 else 4
    room = WEIGHTS_SHARE * device.available_bytes / bytes_per_parameter
    fitting = [name for name, billions in MODELS if billions * 1e9 <= room]
    if len(fitting) < SUGGESTIONS:
        fitting = [name for name, _ in MODELS[:SUGGESTIONS]]
    return tuple(reversed(fitting[-SUGGESTIONS:]))

"""Names of devices and of attention backends, as settings have them."""

from __future__ import annotations

from typing import Literal

DeviceName = Literal["cpu", "cuda"]
AttentionName = Literal["torch", "triton", "flashinfer"]

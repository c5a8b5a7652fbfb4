"""How kernels run in this process: compiled for a GPU, or interpreted on a CPU (``TRITON_INTERPRET=1``)."""

from __future__ import annotations

from typing import Final

import triton

INTERPRETED: Final = bool(triton.knobs.runtime.interpret)
"""Decided when kernels are defined, so the variable must be set before they are imported.

The interpreter has no inline assembly, no programmatic dependent launch and no autotuner: kernels take ways around
them behind constexpr switches that are given this value.
"""

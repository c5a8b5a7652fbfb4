"""How fast this machine is now, for bounds on time that hold on a busy one as well."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

import pytest

BARE_START: Final = 0.03
"""Seconds that ``python -c pass`` takes on a quiet machine with our two cores."""


@pytest.fixture(scope="session")
def scaled_seconds() -> float:
    """What a second of a quiet machine is here and now: at least 1."""

    def bare() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        return time.perf_counter() - start

    return max(1.0, min(bare() for _ in range(5)) / BARE_START)

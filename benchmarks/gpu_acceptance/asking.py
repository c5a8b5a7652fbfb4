"""Asks another process what there is to measure: looking takes memory of the device. No torch here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

COMMAND: Final = (sys.executable, "-m", "benchmarks.gpu_acceptance.facts")
TIMEOUT: Final = 180.0


def ask_facts(command: Sequence[str] = COMMAND) -> dict[str, Any]:
    """See `benchmarks.gpu_acceptance.facts`; ``problem`` says it, too, where that could not be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return {"problem": f"looking for one took longer than {TIMEOUT:.0f} s"}
    for line in done.stdout.splitlines():
        if line.startswith('{"facts"'):
            found: dict[str, Any] = json.loads(line)["facts"]
            return found
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"problem": f"looking for one ended with exit code {done.returncode}: {last}"}

"""What is wrong with a case on a pretended GPU, in words."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from benchmarks.pretended_gpu.cases import CASES

if TYPE_CHECKING:
    from benchmarks.pretended_gpu.ledger import Launch, Ledger

MOST_SHARED: Final = {80: 163, 89: 99, 90: 227, 100: 227}
"""KiB of shared memory that a block can have (CUDA C++ Programming Guide, "Technical Specifications")."""


def judge(name: str, capability: int, *, compiles: str | None = None, brief: bool = False) -> dict[str, Any]:
    """One case on one GPU: figures and faults.

    Args:
        compiles: Launches of kernels whose names contain this are compiled ahead of time; None is none.
        brief: Fewer requests, and graphs of small batches only.
    """
    # Imported here, in a process of its own: it says how kernels run.
    from benchmarks.pretended_gpu.engine import run_case

    begun = time.monotonic()
    row: dict[str, Any] = {"name": name, "capability": capability}
    case = next(each for each in CASES if each.name == name)
    try:
        ledger = run_case(case, capability, brief=brief)
    except Exception:
        return {**row, "faults": [traceback.format_exc()]}
    launches = list(ledger.launches.values())
    chosen = [] if compiles is None else [each for each in launches if compiles in each.kernel]
    return {
        **row,
        "steps": ledger.steps,
        "drafts": ledger.drafts,
        "steady": ledger.steady,
        "launches": sum(launch.count for launch in launches),
        "start": len(launches) - len(ledger.late()),
        "late": len(ledger.late()),
        "kernels": Counter(launch.kernel for launch in launches),
        "compiled": len(chosen),
        "faults": [*faults(ledger), *(fault for launch in chosen for fault in _compiled(launch, capability))],
        "seconds": round(time.monotonic() - begun),
    }


def faults(ledger: Ledger) -> Iterator[str]:
    """What a GPU would refuse, what would wait for it, and what would be compiled while requests wait."""
    yield from dict.fromkeys(ledger.faults)
    yield from dict.fromkeys(f"waits: {each}" for each in ledger.waits)
    late = ledger.late()
    for kernel, count in Counter(launch.kernel for launch in late).items():
        alike = [launch for launch in ledger.launches.values() if launch.kernel == kernel]
        yield f"{kernel} is compiled {count} times while requests wait, of {len(alike)}: {differing(alike)}"


def differing(launches: Sequence[Launch]) -> str:
    """What launches of one kernel are compiled apart for, in words."""
    names = dict.fromkeys(name for launch in launches for name in launch.arguments)
    values = {name: dict.fromkeys(launch.arguments.get(name, "-") for launch in launches) for name in names}
    return "; ".join(f"{name}: {' | '.join(found)}" for name, found in values.items() if len(found) > 1)


def _compiled(launch: Launch, capability: int) -> Iterator[str]:
    from benchmarks.pretended_gpu.launches import compile_launch

    try:
        made = compile_launch(launch, capability)
    except Exception as error:
        said = f"{type(error).__name__}: {str(error).strip()[-2000:]}"
        yield f"{launch.kernel} does not compile: {said} ({launch.arguments})"
        return
    if made.shared > MOST_SHARED[capability] * 1024:
        yield f"{launch.kernel} takes {made.shared} bytes of shared memory ({launch.arguments})"
    if made.stack or made.spills:
        yield f"{launch.kernel} spills {made.stack} bytes, {made.spills} loads and stores ({launch.arguments})"

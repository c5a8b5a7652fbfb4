"""``python -m benchmarks.pretended_gpu``: starts engines on a pretended GPU and has them answer.

Prints for each how many kernels a start compiles and how many are compiled while requests wait, and everything that a
GPU would refuse or that would wait for it; exit code 3 when anything is wrong. ``--compile`` compiles what was launched
ahead of time, too: minutes for an engine. Under another version of Triton: ``PYTHONPATH=FOLDER``, as for
`benchmarks.kernel_gate`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, Final

from benchmarks.pretended_gpu.cases import CASES
from benchmarks.pretended_gpu.judge import judge

CHECK_FAILED: Final = 3
ARCHITECTURES: Final = (80, 90)


def main(argv: Sequence[str]) -> int:
    """Runs all cases and prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretended_gpu", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(each.name for each in CASES)}")
    parser.add_argument("--arch", metavar="LIST", help="compute capabilities, such as 80,90", default=None)
    parser.add_argument(
        "--compile", metavar="PART", nargs="?", const="", help="compile launches of kernels whose names contain this"
    )
    parser.add_argument("--brief", action="store_true", help="fewer requests, graphs of small batches only")
    parser.add_argument("--kernels", action="store_true", help="print how often each kernel is compiled")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    known = [each.name for each in CASES]
    if unknown := [name for name in options.cases if name not in known]:
        parser.error(f"there is no case {unknown[0]!r}")
    wanted = tuple(map(int, options.arch.split(","))) if options.arch else ARCHITECTURES
    jobs = [(name, capability) for capability in wanted for name in options.cases or known]
    bad = 0
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(judge, *job, compiles=options.compile, brief=options.brief) for job in jobs]
        for done in as_completed(runs):
            row = done.result()
            bad += bool(row["faults"])
            print(json.dumps(row) if options.json else _told(row, kernels=options.kernels), flush=True)
    return CHECK_FAILED if bad or not jobs else 0


def _told(row: dict[str, Any], *, kernels: bool) -> str:
    line = f"sm_{row['capability']:<4} {row['name']:<26}"
    if "steps" in row:
        line += f" {row['start']:>4} at start {row['late']:>4} late {row['steps']:>5} steps"
        line += f" {row['launches']:>7} launches {row['seconds']:>4} s"
    counts = sorted(row.get("kernels", {}).items()) if kernels else []
    told = [f"    {kernel}: {count}" for kernel, count in counts]
    return "\n".join([line, *told, *(f"  - {fault}" for fault in row["faults"] or ["ok"])])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

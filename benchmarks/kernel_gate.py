"""``python -m benchmarks.kernel_gate``: compiles every kernel for GPUs for each generation of them, without having one.

Prints registers, shared memory and what is wrong for each; exit code 3 when anything is. ``--json`` prints one object
a line. ``--each-kernel`` compiles one variant of each kernel, as the tests do: all of them take a quarter of an hour.
Under another version of Triton: ``PYTHONPATH=FOLDER python -m benchmarks.kernel_gate``, where FOLDER was made by
``pip install --no-deps --target FOLDER triton==3.6.0``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from typing import Final

# Before Triton is imported: what is interpreted cannot be compiled, and versions differ in the other default.
os.environ.pop("TRITON_INTERPRET", None)
os.environ["TRITON_DEFAULT_FP_FUSION"] = "1"

import sgl.kernels.triton
from benchmarks.compiled import compile_variant, faults
from sgl.kernels.triton.variant import ARCHITECTURES, Variant

CHECK_FAILED: Final = 3


def variants(only: str | None = None) -> Iterator[Variant]:
    """All of every module, or of the modules named by a part of their name."""
    package = sgl.kernels.triton
    for module in pkgutil.iter_modules(package.__path__):
        if only is None or only in module.name:
            yield from getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "VARIANTS", ())


def judge(module: str | None, name: str, capability: int) -> dict[str, object]:
    """Compiles one variant; its facts and what is wrong."""
    variant = next(each for each in variants(module) if each.name == name)
    row: dict[str, object] = {"name": name, "capability": capability}
    try:
        compiled = compile_variant(variant, capability)
    except Exception as error:
        return {**row, "faults": [f"does not compile: {type(error).__name__}: {str(error).strip()[-2000:]}"]}
    return {**row, **asdict(compiled), "faults": list(faults(variant, capability, compiled))}


def main(argv: Sequence[str]) -> int:
    """Compiles all and prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel_gate", description=__doc__)
    parser.add_argument("--only", metavar="PART", help="kernels of the modules whose names contain this")
    parser.add_argument("--arch", metavar="LIST", help="compute capabilities, such as 80,90", default=None)
    parser.add_argument("--each-kernel", action="store_true", help="one variant of each kernel for each generation")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    wanted = tuple(map(int, options.arch.split(","))) if options.arch else ARCHITECTURES
    all_variants = list(variants(options.only))
    if len({each.name for each in all_variants}) != len(all_variants):
        raise SystemExit("two variants have one name")
    jobs = []
    for capability in wanted:
        served = [each for each in all_variants if each.serves(capability)]
        if options.each_kernel:
            served = list({id(each.kernel): each for each in reversed(served)}.values())
        jobs += [(each.name, capability) for each in served]
    bad = 0
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(judge, options.only, *job) for job in jobs]):
            row = done.result()
            bad += bool(row["faults"])
            print(json.dumps(row) if options.json else _line(row), flush=True)
    if not options.json:
        print(f"{len(jobs)} compiled, {bad} with faults")
    return CHECK_FAILED if bad or not jobs else 0


def _line(row: dict[str, object]) -> str:
    found = row["faults"]
    assert isinstance(found, list)
    figures = f"{row.get('registers', '?'):>4} registers {row.get('shared', '?'):>7} bytes shared"
    return f"sm_{row['capability']:<4} {row['name']:<50} {figures}  {'; '.join(found) or 'ok'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

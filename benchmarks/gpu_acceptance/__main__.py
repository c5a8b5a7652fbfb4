"""``python -m benchmarks.gpu_acceptance``: checks the engine on a GPU, then measures it against its goals.

Every line is printed as it is known; what fails does not stop the rest. The results are written to
benchmarks/results/<gpu>-<date>.json. Exit code 3 when a check failed, something could not be measured, or there is no
GPU; a goal that is not met is no failure. Not yet run on a GPU.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu_acceptance.asking import ask_facts

CHECK_FAILED: Final = 3
REHEARSE: Final = "--rehearse"


def main(argv: Sequence[str]) -> int:
    """Runs what was asked for."""
    options = _parser().parse_args(argv)
    if options.rehearse:
        # Before anything imports Triton: it looks at the variable when a kernel is defined.
        os.environ["TRITON_INTERPRET"] = "1"
    elif os.environ.pop("TRITON_INTERPRET", None):
        print(f"TRITON_INTERPRET is ignored: kernels are compiled; {REHEARSE} interprets them", file=sys.stderr)
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")
    if options.model and not (Path(options.model) / "config.json").is_file():
        print(f"--model {options.model}: there is no config.json in it", file=sys.stderr)
        return CHECK_FAILED
    facts: dict[str, Any] = {"gpu": "rehearsal on a CPU", "packages": {}}
    if not options.rehearse and not options.list:
        facts = ask_facts()
        if facts["problem"]:
            print(
                f"there is no GPU to measure: {facts['problem']}; "
                f"`python -m benchmarks.gpu_acceptance {REHEARSE}` tries the program on a CPU",
                file=sys.stderr,
            )
            return CHECK_FAILED
    from benchmarks.gpu_acceptance.items import chosen

    items = chosen(options.only)
    if not items:
        print(f"--only {' '.join(options.only)}: no item is called so; --list names them", file=sys.stderr)
        return CHECK_FAILED
    if options.list:
        print("\n".join(item.name for item in items))
        return 0
    return _run(items, facts, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_acceptance", description=__doc__)
    parser.add_argument(
        "--only", metavar="NAME", nargs="+", default=[], help="items of these names: kernel, engine, G1"
    )
    parser.add_argument("--list", action="store_true", help="print the names of items")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("--model", metavar="FOLDER", default="", help="a small trained model (the built-in one)")
    parser.add_argument(
        REHEARSE, action="store_true", help="on a CPU under Triton's interpreter, tiny: does the program work"
    )
    return parser


def _run(items: Sequence[Any], facts: dict[str, Any], options: argparse.Namespace) -> int:
    from benchmarks.gpu_acceptance import report
    from benchmarks.gpu_acceptance.apart import run_apart
    from benchmarks.gpu_acceptance.goals import ceilings, judge, ratios
    from benchmarks.gpu_acceptance.place import Place
    from benchmarks.gpu_acceptance.rows import Figure, Row
    from benchmarks.gpu_acceptance.worker import run_items

    place = Place(rehearsal=options.rehearse, quick=options.quick, model=options.model)
    print(report.describe(facts), flush=True)
    rows: list[Row] = []

    def emit(row: Row) -> None:
        rows.append(row)
        print(report.line(row), flush=True)

    (run_items if place.rehearsal else run_apart)(items, place, lambda name: None, emit)
    figures = {row.name: row for row in rows if isinstance(row, Figure)}
    figures |= ratios(figures)
    verdicts = judge(figures, facts["gpu"], rehearsal=place.rehearsal)
    if verdicts:
        print(f"\n{report.table(verdicts)}\n{report.machine_line(ceilings(figures))}")
    print(f"\n{report.summary(rows, verdicts)}")
    if place.rehearsal:
        print("A rehearsal: no figure here says anything about speed, and nothing was written.")
    else:
        print(f"written: {report.write(report.content(facts, rows, verdicts, quick=place.quick), facts['gpu'])}")
    return CHECK_FAILED if report.failures(rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

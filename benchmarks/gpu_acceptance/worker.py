"""Runs items one after another and tells what came of each at once; in a process of its own, as JSON lines.

A kernel may end its process, hang, or leave the device's context unusable: what was found before is not lost then, and
the parent starts another process for what is left.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import torch

from benchmarks.gpu_acceptance.busy import profiled
from benchmarks.gpu_acceptance.engines import Bench
from benchmarks.gpu_acceptance.items import ITEMS, Item
from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.rows import Checked, Row, Status, as_json

HERE: Final = (f"{Path(__file__).resolve().parents[2]}{os.sep}", f"{sys.prefix}{os.sep}")
"""The checkout, and where packages are installed."""
LOST: Final = 70
"""Exit code of a process whose device can no longer be used."""

Begin = Callable[[str], None]
Emit = Callable[[Row], None]


class ContextLost(Exception):
    """A kernel left the device unusable for this process."""


@torch.inference_mode()
def run_items(items: Iterable[Item], place: Place, begin: Begin, emit: Emit) -> None:
    """Runs items; one that raises does not stop the others.

    Raises:
        ContextLost: The device answers no more; the item's own row was told.
    """
    items = list(items)
    bench = Bench(place)
    try:
        if any(item.measure is not None for item in items):
            # CUPTI has to be there when a graph is captured, or its kernels may not be seen one by one.
            profiled(place, lambda: torch.ones(8, device=place.device).sum())
        for item in items:
            begin(item.name)
            _run(item, bench, emit)
            try:
                place.synchronize()
            except RuntimeError as error:
                raise ContextLost from error
    finally:
        bench.end()


def _run(item: Item, bench: Bench, emit: Emit) -> None:
    begun = time.perf_counter()
    try:
        if item.check is not None:
            found = item.check(bench)
            bench.place.synchronize()
            status: Status = {"ok": "ok", "warn": "ok", "skip": "skipped"}.get(found.status, "failed")  # type: ignore[assignment]
            emit(Checked(item.name, status, found.detail, _since(begun)))
        if item.measure is not None:
            for figure in item.measure(bench):
                emit(figure)
    except Exception as error:  # Whatever is raised is the finding, and the next item is still run.
        first = (str(error).strip().splitlines() or ["no message"])[0]
        hint = getattr(error, "hint", None)
        detail = f"{type(error).__name__}: {first}" + (f" ({hint})" if hint else "")
        emit(Checked(item.name, "failed", detail, _since(begun), _trace()))


def _trace() -> str:
    """Where the exception was raised, without this machine's folders."""
    text = traceback.format_exc()
    for folder in HERE:
        text = text.replace(folder, "")
    return text


def _since(begun: float) -> float:
    return round(time.perf_counter() - begun, 2)


def _say(fields: object) -> None:
    print(json.dumps(fields), flush=True)


def main(argv: Sequence[str]) -> int:
    """Arguments are a place and the names of items, both as JSON."""
    place, names = Place(**json.loads(argv[0])), json.loads(argv[1])
    by_name = {item.name: item for item in ITEMS}
    try:
        run_items(
            [by_name[name] for name in names],
            place,
            lambda name: _say({"begin": name}),
            lambda row: _say({"row": as_json(row)}),
        )
    except ContextLost:
        return LOST
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

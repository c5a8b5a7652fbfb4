"""One case from its start to its last answer. Kernels of a process that imports this are not interpreted."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

# Before Triton and the engine are imported: both are decided when functions are defined.
os.environ.pop("TRITON_INTERPRET", None)
os.environ["TRITON_DEFAULT_FP_FUSION"] = "1"

from benchmarks.pretended_gpu.cases import BRIEF, LAYERS, WISHES, Case
from benchmarks.pretended_gpu.cuda import lend_guard, pretended_cuda
from benchmarks.pretended_gpu.drive import Line, serve, waves
from benchmarks.pretended_gpu.launches import pretend_launches
from benchmarks.pretended_gpu.ledger import Ledger
from benchmarks.pretended_gpu.tensors import pretended_tensors
from sgl.batch.batch import Batch
from sgl.batch.request import Request
from sgl.config.engine import EngineConfig
from sgl.engine.gpu.runner import GpuRunner, InFlight
from sgl.scheduler.build import build_scheduler


def run_case(case: Case, capability: int, *, brief: bool = False) -> Ledger:
    """Starts the engine and has it answer; what it did.

    Args:
        brief: Fewer requests, and graphs of small batches only.

    Raises:
        Exception: Whatever the engine raised.
    """
    lend_guard()
    ledger = Ledger()
    pretend_launches(ledger, capability)
    with (
        tempfile.TemporaryDirectory() as folder,
        pretended_tensors(ledger, case.number) as tensors,
        pretended_cuda(ledger, tensors, capability),
        _phases(ledger),
    ):
        config = {**case.config, "num_hidden_layers": LAYERS}
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        line = Line()
        wished = {**WISHES, **(BRIEF if brief else {}), **case.wishes}
        wishes = EngineConfig(model_path=folder, device="cuda", **wished)
        scheduler = build_scheduler(wishes, line, lambda phase: None)
        ledger.phase = "serving"
        first = 1
        for wave in waves(0, brief=brief):
            serve(scheduler, line, wave, first)
            first += len(wave)
    return ledger


@contextmanager
def _phases(ledger: Ledger) -> Iterator[None]:
    """Tells the ledger when a step is launched, and when prompts are scored."""
    launch, score = GpuRunner.launch, GpuRunner._prompt_logprobs
    before: list[Request] = []

    def launched(runner: GpuRunner, batch: Batch) -> InFlight:
        ledger.steps += 1
        drafts = sum(len(entry.drafts) for entry in batch.entries)
        ledger.drafts += drafts
        requests = [entry.request for entry in batch.entries]
        steady = requests == before and batch.decode_only
        before[:] = [] if drafts else requests
        uploads = ledger.uploads
        with nullcontext() if ledger.phase == "start" else ledger.during("launch"):
            flight = launch(runner, batch)
        ledger.steady += steady
        if steady and ledger.uploads - uploads > 1:
            ledger.faults.append(f"a steady step makes {ledger.uploads - uploads} copies to the device, not one")
        return flight

    def scored(runner: GpuRunner, *rest: Any) -> Any:
        with ledger.during("scoring"):
            return score(runner, *rest)

    with patch.multiple(GpuRunner, launch=launched, _prompt_logprobs=scored):
        yield

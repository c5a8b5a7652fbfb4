"""``python -m benchmarks.quantised``: what weights in 8 and 4 bits gain in speed.

Loads the benchmark's model once for each scheme, all in this process, and takes turns: one round of each, round by
round, so that whatever else the machine does meets all of them alike. Of a scheme's rounds the fastest counts. A decode
step is the time between two tokens of every request; prefill is the time of one prompt's first token. Where
llama.cpp's ``llama-bench`` is on PATH (or named), it adds rows for BF16, Q8_0 and Q4_0, made of the same weights.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.engines import ensure_gguf, gguf
from benchmarks.machine import cpu_name
from benchmarks.model import ensure_model
from benchmarks.watched_steps import watched_steps
from sgl.config.engine import EngineConfig
from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import Generate
from sgl.protocol.sampling import SamplingParams
from sgl.scheduler.build import build_scheduler
from sgl.scheduler.io import ListIO
from sgl.scheduler.loop import Scheduler

BATCHES: Final = (1, 16)
PREFILL: Final = 512
CONTEXT: Final = 128
"""Tokens of the prompts that are decoded from."""
FIRST_TOKEN: Final = 1000

OWN: Final[dict[str, dict[str, Any]]] = {
    "sgl bfloat16": {"dtype": "bfloat16"},
    "sgl int8": {"dtype": "bfloat16", "quantization": "int8"},
    "sgl int4": {"dtype": "bfloat16", "quantization": "int4"},
}
LLAMA: Final = ("bf16", "q8_0", "q4_0")
"""Types of llama.cpp: the second is 8.5 bits per weight, the third 4.5."""


@dataclass
class Row:
    """Best seconds of one scheme.

    Attributes:
        decode: Of one step, by requests at once.
        prefill: Of one prompt of `PREFILL` tokens.
    """

    weight_bytes: int
    decode: dict[int, float] = field(default_factory=dict)
    prefill: float = float("inf")


class Subject:
    """One engine of ours in this process."""

    def __init__(self, model: Path, options: dict[str, Any], threads: int | None) -> None:
        config = EngineConfig(
            model_path=str(model), threads=threads, max_total_tokens=8192, radix_cache=False, **options
        )
        self._scheduler: Scheduler = build_scheduler(config, ListIO(), lambda phase: None)
        self._next = 0
        self.row = Row(self._scheduler.info.weight_bytes)

    def round(self, steps: int) -> None:
        """Measures everything once."""
        self.row.prefill = min(self.row.prefill, self._prefill())
        for batch in BATCHES:
            seconds = self._decode(batch, steps)
            self.row.decode[batch] = min(self.row.decode.get(batch, seconds), seconds)

    def _prefill(self) -> float:
        self._ask(1, PREFILL, 1)
        begun = time.perf_counter()
        self._finish()
        return time.perf_counter() - begun

    def _decode(self, batch: int, steps: int) -> float:
        """The fastest of the steps in which all requests get one token."""
        self._ask(batch, CONTEXT, steps)
        best = float("inf")
        for step, seconds in watched_steps(self._scheduler):
            if step is not None and step.decode_only and len(step.entries) == batch:
                best = min(best, seconds)
        return best

    def _ask(self, count: int, length: int, output: int) -> None:
        for _ in range(count):
            self._next += 1
            ids = [FIRST_TOKEN + (self._next * 7919 + place * 31) % 50_000 for place in range(length)]
            params = SamplingParams(max_new_tokens=output, ignore_eos=True, temperature=0.0)
            self._scheduler.receive(Generate(rid=self._next, input_ids=pack_ids(ids), sampling=params, seed=1))

    def _finish(self) -> None:
        while not self._scheduler.planner.idle:
            self._scheduler.step()


def llama_rows(program: str | None, threads: int | None) -> Iterator[tuple[str, Row]]:
    """Rows of llama.cpp; none where it is not installed."""
    found = shutil.which(program or "llama-bench")
    if found is None:
        sys.stdout.write("no llama-bench on PATH or in --llama-bench: rows of llama.cpp are left out\n")
        return
    for kind in LLAMA:
        ensure_gguf(sys.executable, kind)
        yield f"llama.cpp {kind}", _llama(found, gguf(kind), threads)


def _llama(program: str, file: Path, threads: int | None) -> Row:
    """llama-bench knows decode of one request; of several, only llama-batched-bench does."""
    words = [program, "-m", str(file), "-p", str(PREFILL), "-n", "32", "-o", "json"]
    words += [] if threads is None else ["-t", str(threads)]
    results = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    row = Row(file.stat().st_size)
    for result in results:
        seconds = min(result["samples_ns"]) / 1e9
        if result["n_prompt"]:
            row.prefill = seconds
        else:
            row.decode[1] = seconds / result["n_gen"]
    return row


def table(rows: Sequence[tuple[str, Row]]) -> Iterator[str]:
    """Lines of Markdown; the first row is what the others are compared with."""
    batches = " | ".join(f"decode {batch}, ms | by it" for batch in BATCHES)
    yield f"| weights | GB | {batches} | prefill {PREFILL}, ms | by it |"
    yield "|---|" + "---:|" * (3 + 2 * len(BATCHES))
    first = rows[0][1]
    for name, row in rows:
        pairs = [(row.decode.get(batch), first.decode[batch]) for batch in BATCHES] + [(row.prefill, first.prefill)]
        cells = [name, f"{row.weight_bytes / 1e9:.2f}"]
        for seconds, base in pairs:
            cells += ["-", "-"] if seconds is None else [f"{seconds * 1e3:.1f}", f"{base / seconds:.2f}x"]
        yield f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantised", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="rounds of each scheme (4)")
    parser.add_argument("--steps", type=int, default=12, help="decode steps of a round (12)")
    parser.add_argument("--threads", type=int, help="compute threads (the engine's choice)")
    parser.add_argument("--llama-bench", metavar="PATH", help="llama.cpp's (the one on PATH)")
    options = parser.parse_args(argv)
    model = ensure_model()
    subjects = {name: Subject(model, own, options.threads) for name, own in OWN.items()}
    for _ in range(options.rounds):
        for subject in subjects.values():
            subject.round(options.steps)
    rows = [(name, subject.row) for name, subject in subjects.items()]
    rows += llama_rows(options.llama_bench, options.threads)
    sys.stdout.write(f"{cpu_name()}, {options.threads or 'all'} threads\n")
    for line in table(rows):
        sys.stdout.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

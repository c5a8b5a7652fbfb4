"""``python -m benchmarks.profile_step``: where a decode step and a prefill chunk go, without HTTP.

Builds the engine in this process and drives its scheduler step by step. Of the steps of one kind the faster
half is averaged, since what makes a step slow is usually another process. A line above the tables says what
this machine can do at best, to judge the linears by: a decode step reads every weight once, a prefill chunk
is a matrix product.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.engines import KV_TOKENS, STORIES, tiny_ids
from benchmarks.model import MODEL, ensure_model
from benchmarks.watched_steps import watched_steps
from benchmarks.workload import Scenario, token_ids
from sgl.batch.batch import Batch
from sgl.config.engine import EngineConfig
from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import Generate
from sgl.protocol.sampling import SamplingParams
from sgl.scheduler.build import build_scheduler
from sgl.scheduler.io import ListIO
from sgl.scheduler.loop import Scheduler
from sgl_cli.bench.engine.sections import Stopwatch, watched

SMALLEST_SHARE: Final = 0.005
"""Parts below this share of a step are summed up as rest."""


@dataclass
class Kind:
    """Steps of about the same work.

    Attributes:
        title: In words.
        steps: Seconds of each part, per step.
    """

    title: str
    steps: list[dict[str, float]] = field(default_factory=list)

    def table(self) -> str:
        """Mean milliseconds and share of each part, the largest first."""
        steps = sorted(self.steps, key=_wall)
        faster = steps[: (len(steps) + 1) // 2]
        parts: dict[str, float] = defaultdict(float)
        for step in faster:
            for part, seconds in step.items():
                parts[part] += seconds / len(faster)
        wall = _wall(parts)
        shown = {part: seconds for part, seconds in parts.items() if seconds >= SMALLEST_SHARE * wall}
        rows = sorted(shown.items(), key=lambda item: -item[1])
        rows.append(("rest", wall - _wall(shown)))
        spread = f"{_wall(steps[0]) * 1e3:.2f} to {_wall(steps[-1]) * 1e3:.2f} in {len(steps)} steps"
        lines = [f"{self.title}: {wall * 1e3:.2f} ms ({spread})"]
        lines += (f"  {part:<22}{seconds * 1e3:9.3f} ms {seconds / wall:6.1%}" for part, seconds in rows)
        return "\n".join(lines)


class Profile:
    """Drives one scheduler and sorts its steps by kind."""

    def __init__(self, scheduler: Scheduler, stopwatch: Stopwatch) -> None:
        self.kinds: dict[str, Kind] = {}
        self._scheduler = scheduler
        self._stopwatch = stopwatch
        self._next_rid = 0

    def run(self, prompts: Sequence[Sequence[int]], output: int, sampling: dict[str, Any]) -> None:
        """Computes prompts to their ends; one more run is one more set of steps."""
        for prompt in prompts:
            self._next_rid += 1
            params = SamplingParams(max_new_tokens=output, ignore_eos=True, **sampling)
            self._scheduler.receive(
                Generate(rid=self._next_rid, input_ids=pack_ids(prompt), sampling=params, seed=self._next_rid)
            )
        for batch, _ in watched_steps(self._scheduler):
            parts = self._stopwatch.take()
            if batch is not None:
                title = _title(batch)
                self.kinds.setdefault(title, Kind(title)).steps.append(parts)


def _wall(parts: Mapping[str, float]) -> float:
    """Seconds of a step: times of parts are exclusive, and the outermost part is the step."""
    return sum(parts.values())


def _title(batch: Batch) -> str:
    if batch.decode_only:
        return _decode_title(len(batch.entries))
    return f"prefill, up to {1 << (batch.tokens - 1).bit_length()} tokens"


def _decode_title(requests: int) -> str:
    return f"decode, {requests} requests"


def machine_limits(threads: int) -> str:
    """What reading memory and multiplying matrices reach with plain torch, best of several."""
    torch.set_num_threads(threads)
    lines = [f"{threads} threads"]
    block = torch.ones(64 * 2**20)
    seconds = _best(block.sum)
    lines.append(f"reads {block.numel() * 4 / seconds / 1e9:.1f} GB/s")
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(512, 1024, dtype=dtype), torch.ones(1024, 3072, dtype=dtype)
        seconds = _best(functools.partial(torch.mm, left, right))
        lines.append(f"{dtype} products {2 * 512 * 1024 * 3072 / seconds / 1e9:.0f} GFLOP/s")
    return ", ".join(lines)


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(8):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def profile(model: Path, options: argparse.Namespace) -> str:
    """Builds an engine for ``model`` and returns its tables."""
    config = EngineConfig(
        model_path=str(model),
        dtype=options.dtype,
        threads=options.threads,
        deterministic=options.deterministic,
        max_total_tokens=KV_TOKENS,
        radix_cache=not options.disable_radix_cache,
    )
    stopwatch = Stopwatch()
    make_ids = token_ids if model == MODEL else tiny_ids
    with watched(stopwatch):
        scheduler = build_scheduler(config, ListIO(), lambda phase: None)
        stopwatch.take()
        run = Profile(scheduler, stopwatch)
        for seed, concurrency in enumerate(options.concurrency):
            own, output = options.prompt, options.output
            work = Scenario("profile", "", concurrency, concurrency, own, own, output, shared=options.shared)
            run.run([make_ids(prompt) for prompt in work.prompts(seed)], output, options.sampling)
    info = scheduler.info
    head = f"{model.name}: {info.dtype}, {info.weight_bytes / 1e9:.2f} GB of weights"
    limits = machine_limits(int(info.settings["threads"] or 1))
    # When the first requests have ended, fewer decode: those steps say nothing new.
    decodes = {_decode_title(concurrency) for concurrency in options.concurrency}
    tables = [kind.table() for title, kind in run.kinds.items() if title in decodes or title.startswith("prefill")]
    return "\n\n".join([f"{head}\n{limits}", *tables])


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the profile of one model or both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_step", description=__doc__)
    parser.add_argument("--model", choices=["tiny", "0.6b", "both"], default="both", help="which model (both)")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16], help="requests at once (1 16)")
    parser.add_argument("--prompt", type=int, default=192, help="tokens of a prompt (192)")
    parser.add_argument("--shared", type=int, default=0, help="tokens before it that all prompts share (0)")
    parser.add_argument("--output", type=int, default=32, help="tokens to generate (32)")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="compute type (the engine's choice)")
    parser.add_argument("--threads", type=int, help="compute threads (the engine's choice)")
    parser.add_argument("--deterministic", action="store_true")
    parser.add_argument("--disable-radix-cache", action="store_true")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 is greedy (0)")
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--tiny-model", metavar="FOLDER", type=Path, default=STORIES, help="folder of stories260k")
    options = parser.parse_args(argv)
    options.sampling = {"temperature": options.temperature, "top_p": options.top_p}
    if options.model != "0.6b":
        sys.stdout.write(profile(options.tiny_model, options) + "\n\n")
    if options.model != "tiny":
        sys.stdout.write(profile(ensure_model(), options) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

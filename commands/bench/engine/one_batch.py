"""`run_one_batch`: prefill and decode of batches of a fixed size, step by step, in this process.

No HTTP, no queue, no mix of prompts and answers: what one step costs, where its time goes, and how near that is to
what the machine can do. The prefix cache and speculation are off, so that every token is computed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from msgspec.structs import replace

from sgl.config.hf import HfConfig
from sgl.config.sizes import ELEMENT_BYTES
from sgl.errors import UsageError
from sgl.models.table import read_model_config
from sgl.protocol.messages import EngineInfo

from .driver import SPARE_TOKENS, Answers, BatchRun, StepDriver, prefill_steps
from .machine import Machine, measure_machine
from .one_batch_result import BatchResult, OneBatchResult
from .sections import Stopwatch, watched
from .settings import Settings
from .spread import Spread
from .work import Work

if TYPE_CHECKING:
    from sgl.config.engine import DTypeName

PROFILED_STEPS: Final = 8
"""Decode steps that are taken apart, beside those that are timed: watching costs time, which must not be measured."""
PATIENCE_SECONDS: Final = 30.0
"""After so long no further round of a batch size begins."""


@dataclass(frozen=True)
class OneBatchOptions:
    """What to measure.

    Attributes:
        settings: The engine.
        batches: Requests at once; each number is measured on its own.
        input_len: Tokens of a prompt.
        output_len: Tokens of an answer, the first one among them.
        repeat: Rounds of each batch size; fewer when they take long.
        temperature: Of the draws; 0 is greedy.
        seed: Of the prompts.
        breakdown: Whether to say where the time of a step goes.
    """

    settings: Settings
    batches: tuple[int, ...] = (1, 8, 32)
    input_len: int = 512
    output_len: int = 64
    repeat: int = 3
    temperature: float = 0.0
    seed: int = 0
    breakdown: bool = True


def run_one_batch(options: OneBatchOptions, show: Callable[[str], None] = lambda text: None) -> OneBatchResult:
    """Builds the engine in this process and measures every batch size. Ctrl-C ends it between two steps.

    Raises:
        UsageError: A batch does not fit the engine.
        ModelError: The model cannot be served.
        StartupError: The machine refuses.
        EngineFailure: A step failed.
        KeyboardInterrupt: Before one batch size was measured.
    """
    # Imported here: it imports torch.
    from sgl.scheduler.build import build_scheduler

    _check(options)
    answers = Answers()
    show(f"loading {options.settings.model}")
    config = replace(
        options.settings.config.engine,
        radix_cache=False,
        speculative=None,
        max_running_requests=options.settings.config.engine.max_running_requests or max(options.batches),
    )
    started = time.time()
    scheduler = build_scheduler(config, answers, lambda phase: None)
    info = scheduler.info
    _check_fits(options, info)
    show("measuring the machine")
    machine = measure_machine(info.dtype, info.device, int(info.settings["threads"] or 1))
    work = Work(read_model_config(HfConfig.load(options.settings.folder)), ELEMENT_BYTES[cast("DTypeName", info.dtype)])
    bench = _Bench(options, StepDriver(scheduler, answers), info, machine, work, show)
    results, partial = [], False
    try:
        bench.warm_up()
        for batch in options.batches:
            results.append(bench.measure(batch))
    except KeyboardInterrupt:
        if not results:
            raise
        partial = True
    return OneBatchResult(
        model=options.settings.model,
        started=started,
        input_len=options.input_len,
        output_len=options.output_len,
        seed=options.seed,
        engine={**info.settings, "weight_bytes": info.weight_bytes, "kv_tokens": info.kv_tokens},
        machine=machine,
        batches=tuple(results),
        partial=partial,
    )


class _Bench:
    """One engine under measurement."""

    def __init__(
        self,
        options: OneBatchOptions,
        driver: StepDriver,
        info: EngineInfo,
        machine: Machine,
        work: Work,
        show: Callable[[str], None],
    ) -> None:
        self._options = options
        self._driver = driver
        self._machine = machine
        self._work = work
        self._show = show
        self._vocabulary = info.vocab_size
        self._can_break_down = options.breakdown and info.device == "cpu"

    def warm_up(self) -> None:
        """Small shapes of every kind: kernels that are compiled or chosen at their first use are, then."""
        for batch in self._options.batches:
            self._show(f"warming up, batch {batch}")
            self._run(batch, min(2, self._options.output_len - 1), length=min(32, self._options.input_len))

    def measure(self, batch: int) -> BatchResult:
        """Times one batch size, then takes it apart."""
        options = self._options
        runs: list[BatchRun] = []
        began = time.monotonic()
        while len(runs) < options.repeat and (not runs or time.monotonic() - began < PATIENCE_SECONDS):
            self._show(f"batch {batch}, round {len(runs) + 1} of {options.repeat}")
            runs.append(self._run(batch, options.output_len - 1))
        prefill_parts, decode_parts = self._take_apart(batch) if self._can_break_down else ({}, {})
        return self._result(batch, runs, prefill_parts, decode_parts)

    def _run(
        self,
        batch: int,
        decode_steps: int,
        *,
        length: int | None = None,
        before_decode: Callable[[], None] = lambda: None,
    ) -> BatchRun:
        options = self._options
        draw = random.Random(options.seed)
        prompts = [[draw.randrange(self._vocabulary) for _ in range(length or options.input_len)] for _ in range(batch)]
        return self._driver.run(prompts, decode_steps, temperature=options.temperature, before_decode=before_decode)

    def _take_apart(self, batch: int) -> tuple[dict[str, float], dict[str, float]]:
        """Parts of the prefill, and of the mean decode step."""
        self._show(f"batch {batch}, where the time goes")
        stopwatch = Stopwatch()
        steps = min(PROFILED_STEPS, self._options.output_len - 1)
        prefill: dict[str, float] = {}
        with watched(stopwatch):
            self._run(batch, steps, before_decode=lambda: prefill.update(stopwatch.take()))
            decode = stopwatch.take()
        return prefill, {part: seconds / steps for part, seconds in decode.items()} if steps else {}

    def _result(
        self, batch: int, runs: Sequence[BatchRun], prefill_parts: dict[str, float], decode_parts: dict[str, float]
    ) -> BatchResult:
        options = self._options
        prefill = Spread.of([run.prefill_seconds for run in runs])
        times = [seconds for run in runs for seconds in run.decode]
        decode = Spread.of(times) if times else None
        flops = self._work.prefill_flops(batch, options.input_len)
        step_bytes = self._work.decode_bytes(batch, options.input_len + options.output_len // 2)
        return BatchResult(
            batch=batch,
            prefill=prefill,
            prefill_steps=len(runs[0].prefill),
            prefill_rate=batch * options.input_len / prefill.median,
            prefill_share=flops / prefill.median / self._machine.flops,
            decode=decode,
            decode_rate=batch / decode.median if decode else 0.0,
            decode_share=step_bytes / decode.median / self._machine.bytes_per_second if decode else 0.0,
            decode_bytes=step_bytes,
            prefill_parts=prefill_parts,
            decode_parts=decode_parts,
        )


def _check(options: OneBatchOptions) -> None:
    if not options.batches or min(options.batches) < 1:
        raise UsageError("--batch takes numbers of requests from 1 on, such as 1,8,32")
    for name, value in (("--input-len", options.input_len), ("--output-len", options.output_len)):
        if value < 1:
            raise UsageError(f"{name} takes a number of tokens from 1 on, not {value}")
    if options.repeat < 1:
        raise UsageError(f"--repeat takes a number of rounds from 1 on, not {options.repeat}")


def _check_fits(options: OneBatchOptions, info: EngineInfo) -> None:
    most = max(options.batches)
    if most > info.max_running_requests:
        raise UsageError(
            f"a batch of {most} needs --max-running-requests {most}; this engine has {info.max_running_requests}"
        )
    spare = prefill_steps(most * options.input_len, most, info.chunked_prefill_size) + SPARE_TOKENS
    one = options.input_len + options.output_len + spare
    if one > info.max_request_tokens:
        raise UsageError(
            f"prompt and answer are {one} tokens with those to spare, and this engine takes {info.max_request_tokens}",
            hint="shorten --input-len or --output-len",
        )
    pages = most * -(-one // info.page_size)
    if pages * info.page_size > info.kv_tokens:
        raise UsageError(
            f"{most} requests of {one} tokens need a KV pool of {pages * info.page_size}; this engine has "
            f"{info.kv_tokens}",
            hint=f"give it room (--max-total-tokens {pages * info.page_size}), or take a smaller --batch",
        )

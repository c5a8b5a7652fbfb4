"""What the whole engine reaches with public shapes and random weights: G1 to G10."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from operator import truediv
from typing import Any, Final

from benchmarks.gpu_acceptance import workload
from benchmarks.gpu_acceptance.busy import Busy, profiled
from benchmarks.gpu_acceptance.engines import Bench, LocalEngine
from benchmarks.gpu_acceptance.goals import KILO, LARGE, LLAMA, SMALL
from benchmarks.gpu_acceptance.rows import Figure
from sgl.config.at_load import Made

WARM: Final = 8
"""Decode steps before the clock starts, of each batch."""
PROFILED: Final = 16
"""Decode steps under the profiler; fewer would leave its start and end a share."""
SHORT: Final = 32
"""Tokens of a prompt where the KV cache is not to matter."""
RUNNING: Final = 256

SERVED: Final[dict[str, Any]] = {
    "max_model_len": 9 * KILO,
    "max_running_requests": RUNNING,
    "chunked_prefill_size": 8 * KILO,
    "radix_cache": False,
}
"""Of Llama 3.1 8B. All prompts are unlike, so there is no prefix to find."""


def single(name: str, model: str, quantization: Made | None = None) -> Callable[[Bench], Iterator[Figure]]:
    """Milliseconds of a decode step of one sequence with a short context: G1 to G4."""

    def run(bench: Bench) -> Iterator[Figure]:
        engine = _llama(bench, quantization) if model == LLAMA else _small(bench)
        yield _decode(
            bench, engine, name, batch=1, length=bench.place.pick(SHORT, 4), per=_milliseconds, unit="ms/token"
        )

    return run


def batched(bench: Bench) -> Iterator[Figure]:
    """Tokens a second of 64 and of 256 sequences whose contexts are 1,024 tokens on average: G5."""
    engine = _llama(bench)
    for batch in (64, 256):
        count, length = bench.place.pick((batch, KILO), (2, 6))
        yield _decode(
            bench, engine, f"G5 {batch}", batch=count, length=length, per=partial(truediv, count), unit="tok/s"
        )


def first_tokens(bench: Bench) -> Iterator[Figure]:
    """Milliseconds to the first token in the idle engine: G9."""
    engine = _llama(bench)
    for kilo in (1, 8):
        length = bench.place.pick(kilo * KILO, 6 * kilo)
        engine.first_token(engine.prompts(1, length, seed=0)[0])
        repetitions = bench.place.repeats(10, 3)
        prompts = engine.prompts(repetitions, length, seed=kilo)
        samples = tuple(engine.first_token(prompt) * 1e3 for prompt in prompts)
        yield Figure(f"G9 {kilo}k", samples, "ms", "1 prompt before; wall clock, from request to token, in process")


def idle(bench: Bench) -> Iterator[Figure]:
    """Share of steady decode in which no kernel runs: G10."""
    engine = _llama(bench)
    for batch in (1, 256):
        count, length = bench.place.pick((batch, SHORT if batch == 1 else KILO), (min(batch, 2), 4))
        figure = _decode(bench, engine, f"G10 {batch}", batch=count, length=length, per=_milliseconds, unit="ms")
        share = 100 * figure.shares.get("idle", 0.0)
        how = f"{WARM} steps before; kernels of {PROFILED} profiled steps against the wall clock without the profiler"
        yield Figure(figure.name, (share,), "%", how, figure.shares)


def offline(name: str, model: str) -> Callable[[Bench], Iterator[Figure]]:
    """Tokens a second of the public offline workload: G6 and G7."""

    def run(bench: Bench) -> Iterator[Figure]:
        engine = _large(bench) if model == LARGE else _small(bench)
        asked = workload.offline()
        if bench.place.rehearsal:
            asked = workload.shortened(asked, 3, 4, engine.info.vocab_size)
        prompts, counts = [each.ids for each in asked], [each.output for each in asked]
        # Of several sizes, since kernels are compiled anew for one row.
        for batch in (1, len(prompts) // 8 or 1):
            engine.answer(prompts[:batch], bench.place.pick(8, 2), temperature=workload.TEMPERATURE)
        samples = []
        for _ in range(bench.place.repeats(3, 1)):
            begun = time.perf_counter()
            answers = engine.answer(prompts, counts, temperature=workload.TEMPERATURE)
            seconds = time.perf_counter() - begun
            found = sum(len(answer.tokens) for answer in answers)
            if found != sum(counts):
                raise RuntimeError(f"{found} tokens came, not {sum(counts)}")
            samples.append(found / seconds)
        yield Figure(name, tuple(samples), "tok/s", "1 prompt and 32 prompts of 8 tokens before; wall clock of all")

    return run


def _llama(bench: Bench, quantization: Made | None = None) -> LocalEngine:
    return bench.engine(LLAMA, quantization=quantization, **SERVED)


def _small(bench: Bench) -> LocalEngine:
    return bench.engine(SMALL, **_offline_sizes())


def _large(bench: Bench) -> LocalEngine:
    return bench.engine(LARGE, **_offline_sizes())


def _offline_sizes() -> dict[str, Any]:
    """As the peer that made the workload public runs it."""
    return {**SERVED, "max_model_len": 4 * KILO, "chunked_prefill_size": 16 * KILO}


def _decode(
    bench: Bench, engine: LocalEngine, name: str, *, batch: int, length: int, per: Callable[[float], float], unit: str
) -> Figure:
    """Decode steps of a batch whose contexts are about ``length`` tokens in the middle of the measured steps."""
    place = bench.place
    steps, warm = place.pick((128 if batch == 1 else 64, WARM), (2, 1))
    before = max(place.pick(SHORT, 2), length - steps // 2 - warm)
    samples = []
    for number in range(place.repeats(5, 2)):
        seconds = engine.decode(engine.prompts(batch, before, seed=number), warm=warm, steps=steps) / steps
        samples.append(seconds)
    shares = _watched(bench, engine, batch, before, warm).shares(sorted(samples)[len(samples) // 2])
    how = f"{warm} steps before; wall clock of {steps} steps of {batch}"
    return Figure(name, tuple(map(per, samples)), unit, how, shares)


def _watched(bench: Bench, engine: LocalEngine, batch: int, before: int, warm: int) -> Busy:
    """What one step of the same batch does on the device."""
    steps = bench.place.pick(PROFILED, 1)
    seen: list[Busy] = []
    engine.decode(
        engine.prompts(batch, before, seed=99),
        warm=warm,
        steps=steps,
        run=lambda steps: seen.append(profiled(bench.place, steps)),
    )
    return seen[0].divided(steps)


def _milliseconds(seconds: float) -> float:
    return seconds * 1e3

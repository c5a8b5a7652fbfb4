"""What sgl has to reach beside its peers on a CPU, and whether it did."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.measure import Round, Startup, pooled
from benchmarks.workload import BATCH, SHARED, SHARED_PREFIX, SINGLE, TINY

SGL: Final = "sgl"
SGL_NO_CACHE: Final = "sgl, no radix cache"
SGL_DETERMINISTIC: Final = "sgl, deterministic"
SGL_TINY: Final = "sgl, stories260k"
SGL_TINY_DETERMINISTIC: Final = "sgl, stories260k, deterministic"
SERVE: Final = "transformers serve"
BATCHING: Final = ("transformers serve CB", "transformers generate_batch")
LLAMA: Final = "llama-server bf16"

BATCH_OVER_TRANSFORMERS: Final = 2.0
BATCH_OVER_LLAMA: Final = 1.3
SINGLE_OVER_SERVE: Final = 1.3
SHARED_OVER_NO_CACHE: Final = 3.0
TINY_STEP: Final = 5e-3
READY_SECONDS: Final = 8.0
RESIDENT_BYTES: Final = 150e6
PAGE_SLACK: Final = 16
"""Tokens of a shared prefix that may be computed again, for pages are shared whole."""
QUIET_CORES: Final = 0.2
"""Cores that other processes may use during a round before nothing is concluded from it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target.

    Attributes:
        text: What is demanded.
        reached: What was measured, in words; empty when it was not measured.
        met: Whether that is enough; None when it was not measured.
        disturbed: Engines in the way of whose rounds other processes were: the verdict may be wrong.
    """

    text: str
    reached: str
    met: bool | None
    disturbed: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """met, NOT met or not measured; in doubt when the machine was not quiet."""
        if self.met is not None and self.disturbed:
            return "in doubt"
        return {True: "met", False: "NOT met", None: "not measured"}[self.met]


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured."""

    rounds: Sequence[Round]
    startups: Sequence[Startup]

    def of(self, engine: str, scenario: str) -> list[Round]:
        """The rounds of one engine and one scenario."""
        return [each for each in self.rounds if (each.engine, each.scenario) == (engine, scenario)]

    def disturbed(self, scenario: str, engines: Sequence[str]) -> tuple[str, ...]:
        """Those of ``engines`` that did not have the machine to themselves."""
        return tuple(
            engine
            for engine in engines
            if any(each.others is not None and each.others > QUIET_CORES for each in self.of(engine, scenario))
        )

    def speed(self, engine: str, scenario: str) -> float | None:
        """Tokens per second, or None when it was not measured."""
        rounds = self.of(engine, scenario)
        return pooled(rounds)[0] if rounds else None


def judge(measured: Measured) -> list[Verdict]:
    """Every target, in order."""
    return [
        _faster(measured, BATCH.key, "16 at once", SGL, BATCHING, BATCH_OVER_TRANSFORMERS),
        _faster(measured, BATCH.key, "16 at once", SGL, (LLAMA,), BATCH_OVER_LLAMA),
        _faster(measured, SINGLE.key, "1 at a time", SGL, (SERVE,), SINGLE_OVER_SERVE),
        _faster(measured, SHARED.key, "shared prefix", SGL, (SGL_NO_CACHE,), SHARED_OVER_NO_CACHE),
        _shares_what_is_computed(measured.of(SGL, SHARED.key)),
        _at_most(
            f"stories260k, 16 at once: a step takes at most {TINY_STEP * 1e3:g} ms, HTTP included",
            [value for each in measured.of(SGL_TINY, TINY.key) for value in each.tpots],
            TINY_STEP,
            lambda value: f"{value * 1e3:.2f} ms",
        ),
        _at_most(
            f"stories260k: ready within {READY_SECONDS:g} s",
            [each.ready_seconds for each in measured.startups if each.engine == SGL_TINY],
            READY_SECONDS,
            lambda value: f"{value:.1f} s",
        ),
        _at_most(
            f"the HTTP process holds at most {RESIDENT_BYTES / 1e6:g} MB",
            [float(each.resident) for each in measured.startups if each.engine == SGL_TINY and each.resident],
            RESIDENT_BYTES,
            lambda value: f"{value / 1e6:.0f} MB",
        ),
    ]


def costs(measured: Measured) -> list[str]:
    """Lines about what has no target: the price of ``--deterministic``."""
    lines = []
    for scenario, usual, deterministic in (
        (BATCH, SGL, SGL_DETERMINISTIC),
        (TINY, SGL_TINY, SGL_TINY_DETERMINISTIC),
    ):
        fast, slow = measured.speed(usual, scenario.key), measured.speed(deterministic, scenario.key)
        if fast is not None and slow is not None:
            speeds = f"{fast:.1f} -> {slow:.1f} tok/s"
            lines.append(f"--deterministic, {scenario.title}: {fast / slow:.2f}x slower ({speeds})")
    return lines


def _faster(
    measured: Measured, scenario: str, title: str, engine: str, rivals: Sequence[str], factor: float
) -> Verdict:
    """``engine`` generates ``factor`` times the tokens per second of the fastest of ``rivals``."""
    text = f"{title}: at least {factor:g}x {' and '.join(rivals)}"
    mine = measured.speed(engine, scenario)
    theirs = {rival: speed for rival in rivals if (speed := measured.speed(rival, scenario)) is not None}
    if mine is None or not theirs:
        return Verdict(text, "", None)
    best = max(theirs.values())
    words = ", ".join(f"{mine / speed:.2f}x {rival}" for rival, speed in theirs.items())
    disturbed = measured.disturbed(scenario, (engine, *theirs))
    if disturbed:
        words += f" (not alone on the machine: {', '.join(disturbed)})"
    return Verdict(text, words, mine >= factor * best, disturbed)


def _shares_what_is_computed(rounds: Sequence[Round]) -> Verdict:
    """All requests were sent before the first token of any, and all but one got the prefix from the cache."""
    text = "a prefix that is still being computed is shared, not computed again"
    if not rounds:
        return Verdict(text, "", None)
    words, met = [], True
    for each in rounds:
        at_once = max(answer.sent for answer in each.answers) < min(answer.first for answer in each.answers)
        sharing = sum(answer.cached_tokens >= SHARED_PREFIX - PAGE_SLACK for answer in each.answers)
        met = met and at_once and sharing >= len(each.answers) - 1
        words.append(f"{sharing} of {len(each.answers)}" + ("" if at_once else " (not sent at once)"))
    return Verdict(text, f"{'; '.join(words)} took it from the cache", met)


def _at_most(text: str, values: Sequence[float], limit: float, show: Callable[[float], str]) -> Verdict:
    if not values:
        return Verdict(text, "", None)
    value = statistics.median(values)
    return Verdict(text, show(value), value <= limit)

"""The goals, their limits on a given machine, and whether a figure meets them. Pure, no torch.

Goals are numbers for one NVIDIA H200. On another GPU the share of that machine's own limit still says something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.gpu_acceptance import workload
from benchmarks.gpu_acceptance.roofline import BF16, FP8, INT4, PUBLISHED, Ceilings, shape
from benchmarks.gpu_acceptance.rows import Figure

COPY: Final = "copy"
PRODUCT: Final = "product"
"""The two figures that limits are made of."""
KILO: Final = 1024
JUDGED_ON: Final = "H200"
PEER: Final = "mini-sglang"
COMPARED: Final = ("G6", "G7")
"""Goals that are ratios to the peer's figure, too."""

Limit = Callable[[Ceilings], float]


def peer_name(goal: str) -> str:
    """What the peer's figure for a goal is called."""
    return f"{goal} {PEER}"


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the table.

    Attributes:
        name: Of the figure.
        text: In words.
        unit: Of figure, goal and limit.
        goal: What is to be reached.
        best: Whether less or more is better.
        limit: What the machine allows; 0 is no share.
        of_limit: The goal is a share of the limit as measured, whatever the machine.
        anywhere: The goal is a ratio that any machine can be asked for.
    """

    name: str
    text: str
    unit: str
    goal: float
    best: Literal["less", "more"]
    limit: Limit
    of_limit: bool = False
    anywhere: bool = False

    def share(self, value: float, machine: Ceilings) -> float | None:
        """How much of the limit is reached; None where the limit is 0."""
        limit = self.limit(machine)
        if not limit or not value:
            return None
        return limit / value if self.best == "less" else value / limit

    def met(self, value: float, machine: Ceilings) -> bool:
        """Whether the goal is reached."""
        wanted = self.goal * self.limit(machine) if self.of_limit else self.goal
        return value <= wanted if self.best == "less" else value >= wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure beside its goal.

    Attributes:
        word: ``met``, ``NOT met``, or why it is not judged.
        measured_share: Of the limit by the ceilings of this machine; None where there is none.
        published_share: Of the limit by the published ceilings.
    """

    goal: Goal
    figure: Figure
    word: str
    measured_share: float | None
    published_share: float | None


def ceilings(figures: Mapping[str, Figure]) -> Ceilings:
    """Those of this machine; the published ones where they were not measured."""
    copy, product = figures.get(COPY), figures.get(PRODUCT)
    return Ceilings(
        PUBLISHED.bandwidth if copy is None else copy.value * 1e9,
        PUBLISHED.products if product is None else product.value * 1e12,
    )


def ratios(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Of our figures to those of `benchmarks.gpu_acceptance.peer`, where both were measured."""
    found = {}
    for name in COMPARED:
        own, other = figures.get(name), figures.get(peer_name(name))
        if own is not None and other is not None:
            ratio = f"{name} ratio"
            found[ratio] = Figure(
                ratio, (own.value / other.value,), "x", f"medians, {own.value:.0f} / {other.value:.0f}"
            )
    return found


def judge(figures: Mapping[str, Figure], gpu: str, *, rehearsal: bool) -> list[Verdict]:
    """Every goal that has a figure, in the order of the table."""
    machine = ceilings(figures)
    found = []
    for goal in GOALS:
        figure = figures.get(goal.name)
        if figure is not None:
            word = _word(goal, figure.value, machine, gpu, rehearsal=rehearsal)
            shares = (goal.share(figure.value, each) for each in (machine, PUBLISHED))
            found.append(Verdict(goal, figure, word, *shares))
    return found


def _word(goal: Goal, value: float, machine: Ceilings, gpu: str, *, rehearsal: bool) -> str:
    if rehearsal:
        return "rehearsal"
    if JUDGED_ON not in gpu and not (goal.of_limit or goal.anywhere):
        return f"no goal for {gpu}"
    return "met" if goal.met(value, machine) else "NOT met"


def _decode_ms(model: str, bits: float = BF16) -> Limit:
    return lambda machine: shape(model).decode_seconds(machine, batch=1, kept=0, bits=bits) * 1e3


def _decode_rate(batch: int) -> Limit:
    return lambda machine: batch / shape(LLAMA).decode_seconds(machine, batch=batch, kept=batch * KILO)


def _prompt_ms(tokens: int) -> Limit:
    return lambda machine: shape(LLAMA).prompt_seconds(machine, [tokens]) * 1e3


def _offline_rate(model: str) -> Limit:
    def limit(machine: Ceilings) -> float:
        work = [(len(each.ids), each.output) for each in workload.offline()]
        return workload.OUTPUT_TOKENS / shape(model).offline_seconds(machine, work)

    return limit


def _bandwidth(machine: Ceilings) -> float:
    return machine.bandwidth / 1e9


def _nothing(machine: Ceilings) -> float:
    return 0.0


def _narrower(machine: Ceilings) -> float:
    return BF16 / INT4


LLAMA: Final = "llama-3.1-8b"
SMALL: Final = "qwen3-0.6b"
LARGE: Final = "qwen3-14b"
ATTENTION_LENGTHS: Final = (1, 2, 4, 8)
"""Of cached sequences, in units of 1,024 tokens."""

GOALS: Final = (
    Goal("G1", "Llama 3.1 8B bfloat16, batch 1", "ms/token", 4.10, "less", _decode_ms(LLAMA)),
    Goal("G2", "the same in FP8", "ms/token", 2.40, "less", _decode_ms(LLAMA, FP8)),
    Goal("G3", "the same in int4", "ms/token", 1.60, "less", _decode_ms(LLAMA, INT4)),
    Goal("G4", "Qwen3 0.6B bfloat16, batch 1", "ms/token", 0.65, "less", _decode_ms(SMALL)),
    Goal("G5 64", "Llama 3.1 8B, 64 sequences of 1 k", "tok/s", 9_900, "more", _decode_rate(64)),
    Goal("G5 256", "Llama 3.1 8B, 256 sequences of 1 k", "tok/s", 16_900, "more", _decode_rate(256)),
    Goal("G6", "offline, 256 prompts, Qwen3 0.6B", "tok/s", 29_000, "more", _offline_rate(SMALL)),
    Goal("G6 ratio", "to mini-sglang on this machine", "x", 1.10, "more", _nothing, anywhere=True),
    Goal("G7", "offline, 256 prompts, Qwen3 14B", "tok/s", 6_400, "more", _offline_rate(LARGE)),
    Goal("G7 ratio", "to mini-sglang on this machine", "x", 1.05, "more", _nothing, anywhere=True),
    Goal("G9 1k", "first token after 1 k, Llama 3.1 8B", "ms", 25.0, "less", _prompt_ms(1024)),
    Goal("G9 8k", "first token after 8 k, Llama 3.1 8B", "ms", 210.0, "less", _prompt_ms(8192)),
    Goal("G10 1", "GPU idle in steady decode, batch 1", "%", 3.0, "less", _nothing),
    Goal("G10 256", "GPU idle in steady decode, batch 256", "%", 3.0, "less", _nothing),
    *(
        Goal(f"G11 {kilo}k", f"decode attention, 64 of {kilo} k", "GB/s", 0.85, "more", _bandwidth, of_limit=True)
        for kilo in ATTENTION_LENGTHS
    ),
    *(
        Goal(f"G12 {rows}", f"int4 product against bfloat16, {rows} rows", "x", 3.0, "more", _narrower)
        for rows in (1, 16)
    ),
)

"""Where the time of an engine's step goes: parts of sgl, timed from outside while a profile is taken.

Each part is a function of sgl that is replaced by a timed one for the duration. Times are exclusive: what a
part's own parts take is counted there and not in it, so they add up to the step. They are times of the host: on a
device that computes beside it they would say what starting the work costs.
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Literal
from unittest import mock

Group = Literal["matrix products", "attention", "norms, rope, other", "sampling", "scheduler, Python"]

GROUPS: Final[dict[str, Group]] = {
    "linears": "matrix products",
    "output head": "matrix products",
    "attention": "attention",
    "attention plan": "attention",
    "norms": "norms, rope, other",
    "rope": "norms, rope, other",
    "silu and product": "norms, rope, other",
    "views of q, k, v": "norms, rope, other",
    "embedding, residual": "norms, rope, other",
    "sampling": "sampling",
    "inputs of the step": "scheduler, Python",
    "runner": "scheduler, Python",
    "scheduler: plan": "scheduler, Python",
    "scheduler: results": "scheduler, Python",
    "scheduler: rest": "scheduler, Python",
}
"""Part -> the kind of work that it is."""


class Stopwatch:
    """Exclusive seconds per part. Not for threads: the engine's loop has one."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = clock
        self._inner = [0.0]

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, its time counted for ``part``."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            begun = self._clock()
            try:
                return function(*args, **kwargs)
            finally:
                spent = self._clock() - begun
                self.seconds[part] += spent - self._inner.pop()
                self._inner[-1] += spent

        return run

    def take(self) -> dict[str, float]:
        """What was counted since the last call."""
        taken = dict(self.seconds)
        self.seconds.clear()
        return taken


@contextmanager
def watched(stopwatch: Stopwatch) -> Iterator[None]:
    """Times every part while it lasts."""
    with ExitStack() as stack:
        for owner, name, part in _parts():
            stack.enter_context(mock.patch.object(owner, name, stopwatch.timed(part, getattr(owner, name))))
        yield


def grouped(parts: Mapping[str, float]) -> dict[Group, float]:
    """Seconds per kind of work, the largest first."""
    sums: dict[Group, float] = defaultdict(float)
    for part, seconds in parts.items():
        sums[GROUPS[part]] += seconds
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def _parts() -> tuple[tuple[Any, str, str], ...]:
    """(owner, function, the part it belongs to). A function that is gone fails the profile at once."""
    # Imported here: all of these import torch, which nothing else on the command line does.
    from sgl.attention.cpu import CpuAttention, PlannedAttention
    from sgl.engine import runner
    from sgl.engine.runner import CpuRunner
    from sgl.layers.attention import SelfAttention
    from sgl.layers.embedding import Embedding
    from sgl.layers.head import Head, TiedHead
    from sgl.layers.linear import Linear
    from sgl.layers.mlp import MLP
    from sgl.layers.norm import RMSNorm
    from sgl.layers.rope import Rope, Rotation
    from sgl.models.decoder import Decoder
    from sgl.scheduler.loop import Scheduler
    from sgl.scheduler.planner import Planner
    from sgl.scheduler.results import Results

    return (
        (Linear, "forward", "linears"),
        (Head, "forward", "output head"),
        (TiedHead, "forward", "output head"),
        (PlannedAttention, "forward", "attention"),
        (CpuAttention, "plan", "attention plan"),
        (RMSNorm, "forward", "norms"),
        (Rotation, "turn", "rope"),
        (Rope, "at", "rope"),
        (MLP, "forward", "silu and product"),
        (SelfAttention, "forward", "views of q, k, v"),
        (Embedding, "forward", "embedding, residual"),
        (Decoder, "forward", "embedding, residual"),
        (Decoder, "logits", "output head"),
        (runner, "sample", "sampling"),
        (runner, "prepare", "inputs of the step"),
        (CpuRunner, "launch", "runner"),
        (Planner, "plan", "scheduler: plan"),
        (Results, "apply", "scheduler: results"),
        (Scheduler, "step", "scheduler: rest"),
    )

"""`Assembled`: what is built around a loaded model, and what a scheduler needs."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.engine.runner import Runner
from sgl.kvcache.cache import PrefixCache
from sgl.plan.memory import MemoryPlan


@dataclass(frozen=True, slots=True)
class Assembled:
    """The engine's parts.

    Attributes:
        plan: With the pages that there are.
        kv_bytes: Of the pool.
    """

    runner: Runner
    cache: PrefixCache
    plan: MemoryPlan
    kv_bytes: int

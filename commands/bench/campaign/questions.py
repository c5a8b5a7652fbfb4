"""`Questions`: which prompts each run of a campaign asks.

Runs that follow each other on one server must not find each other's prompts in its prefix cache: made prompts are new
ones for every run, unless the cache is flushed. The first run has those of ``--seed`` itself, and so two campaigns
with the same seed ask the same, run by run. Prompts that a person brings are asked as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, TextIO

from ..data.dataset import Dataset, one_pass, sha256
from ..data.lengths import Fixed
from ..data.open import DataFacts, open_dataset
from ..data.wish import DataWish
from ..flags.plan import BenchPlan
from ..prompt import Prompt

MOST_HASHED: Final = 2000
"""Prompts whose hash identifies a run's; making a million of them only for that would take minutes."""

_NEXT: Final = 1_000_003
_WARM: Final = 500_009
"""Added to a seed for the next run's prompts, and for warm-ups'."""

MADE: Final = ("random", "shared-prefix", "multi-turn")
"""Kinds that never end."""

_WARM_INPUT: Final = Fixed(256)
_WARM_OUTPUT: Final = Fixed(16)


@dataclass(frozen=True)
class Questions:
    """The prompts of all runs.

    Attributes:
        plan: What was asked for.
        facts: What a dataset must know of the server.
        first: The dataset of the first run.
    """

    plan: BenchPlan
    facts: DataFacts
    first: Dataset

    @classmethod
    def open(cls, plan: BenchPlan, facts: DataFacts, stdin: TextIO | None) -> Questions:
        """Opens the dataset.

        Raises:
            UsageError: See `open_dataset`.
        """
        return cls(plan, facts, open_dataset(plan.data, facts, stdin))

    def asked(self, run: int, requests: int | None) -> Asked:
        """What a run asks.

        Args:
            run: Its number in the campaign, from 0.
            requests: How many; None for an endless stream, or one pass through a file.

        Raises:
            UsageError: A file cannot be read or holds something else.
        """
        dataset = self._dataset(run)
        if requests is None and self.plan.one_pass:
            whole: Sequence[Prompt] = list(one_pass(dataset))
            return Asked(whole, len(whole), dataset, sha256(whole[:MOST_HASHED]))
        hashed = MOST_HASHED if requests is None else min(requests, MOST_HASHED)
        return Asked(dataset.prompts(requests), requests, dataset, sha256(dataset.prompts(hashed)))

    def warmup(self, run: int, requests: int) -> list[Prompt]:
        """Prompts that no run measures; of files they are made, so that the files' own stay unknown to the server."""
        data = self.plan.data
        seed = data.seed + _WARM + run * _NEXT
        if data.kind in MADE:
            wish = replace(data, seed=seed)
        else:
            wish = DataWish(kind="random", seed=seed, input_len=_WARM_INPUT, output_len=_WARM_OUTPUT)
        return list(islice(open_dataset(wish, self.facts).prompts(requests), requests))

    def _dataset(self, run: int) -> Dataset:
        wish = self.plan.data
        if not run or wish.kind not in (*MADE, "trace") or self.plan.load.flush_cache:
            return self.first
        return open_dataset(replace(wish, seed=wish.seed + run * _NEXT), self.facts)


@dataclass(frozen=True)
class Asked:
    """The prompts of one run.

    Attributes:
        prompts: For `run_load`; to be used once.
        requests: How many there are; None without end.
        dataset: Where they come from.
        sha256: The hash of the first `MOST_HASHED`.
    """

    prompts: Iterable[Prompt]
    requests: int | None
    dataset: Dataset
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """For the result file."""
        hashed = MOST_HASHED if self.requests is None else min(self.requests, MOST_HASHED)
        facts = {"name": self.dataset.name, "seed": self.dataset.seed, "sha256": self.sha256}
        return {**facts, "sha256_prompts": hashed, **self.dataset.describe()}

"""`Runner`: puts one level after the other on one server, each with its own prompts, and keeps what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ..compare.assertions import Assertion
from ..flags.plan import BenchPlan
from ..load.control import Control
from ..load.progress import Progress
from ..load.run_load import run_load
from ..metrics.slo import Slo
from ..metrics.summary import Summary, summarize
from ..output.live import watch
from ..result import Result, build_result
from ..run import Run
from .asking import Ready
from .early_end import EarlyEnd
from .facts import facts_of
from .interrupts import Interrupting
from .levels import Level, load_plan, requests_of


@dataclass(frozen=True)
class Finished:
    """One level's run, in all of its forms.

    Attributes:
        level: Which load.
        run: What was noted.
        summary: Its figures.
        result: Its file.
        interrupted: Whether Ctrl-C ended it.
        early: Why it was ended before its time by a rule; empty when it was not.
    """

    level: Level
    run: Run
    summary: Summary
    result: Result
    interrupted: bool = False
    early: str = ""

    @property
    def is_last(self) -> bool:
        """Whether the campaign ends with it."""
        return self.interrupted or bool(self.early)


@dataclass(frozen=True)
class Runner:
    """Everything that all runs on one server share.

    Attributes:
        ready: The server, and what it is asked.
        plan: What was asked for.
        slos: Limits for goodput.
        assertions: Rules; those with ``abort`` end a run early.
        command: The words after ``sgl bench``.
        host: Facts about the machine that serves.
    """

    ready: Ready
    plan: BenchPlan
    slos: Sequence[Slo]
    assertions: Sequence[Assertion]
    command: Sequence[str]
    host: Mapping[str, Any]

    def run(self, level: Level, number: int, *, title: str = "", more: Mapping[str, Any] | None = None) -> Finished:
        """Runs one level.

        Args:
            level: The load.
            number: Of the run, from 0; it chooses the prompts.
            title: What the view calls it.
            more: For the configuration in the result.

        Raises:
            WarmupFailed: The server answered nothing of the warm-up.
            UsageError: A dataset cannot be read, or the API cannot carry it.
            KeyboardInterrupt: Ctrl-C, before the first request.
        """
        plan = self.plan
        asked = self.ready.questions.asked(number, requests_of(plan, level))
        load = load_plan(plan, level, asked.requests)
        warmups = plan.load.warmups(load.concurrency)
        warmup = self.ready.questions.warmup(number, warmups) if warmups else []
        control, progress = Control(), Progress()
        early = EarlyEnd(control, progress, self.assertions)
        with self._shown(progress, title or str(level)), early, Interrupting(control, progress) as interrupting:
            run = run_load(self.ready.target, asked.prompts, load, control, progress, warmup=warmup)
        summary = summarize(run, self.slos)
        facts = facts_of(self.ready, plan, asked, self.command, self.host, more or {})
        result = build_result(run, summary, facts, plan.output.details)
        return Finished(level, run, summary, result, interrupting.interrupted, early.reason)

    @contextmanager
    def _shown(self, progress: Progress, title: str) -> Iterator[None]:
        with ExitStack() as stack:
            if not self.plan.output.quiet:
                stack.enter_context(watch(progress, sys.stderr, title=title, live=self.plan.output.live))
            yield

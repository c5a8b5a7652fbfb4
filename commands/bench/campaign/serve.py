"""`run_bench`: everything between a checked command line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Final, TextIO

from sgl.log import escape

from ...chat.client.connect import ending_by_exception
from ..compare.assertions import Assertion, check_all, parse_assertions
from ..compare.outcome import Outcome
from ..compare.rows import Comparison
from ..compare.slo_file import read_slo_file
from ..flags.plan import BenchPlan
from ..load.warm import WarmupFailed
from ..metrics.slo import Slo, parse_slos
from ..output.knee import find_knee
from ..target.probe import ProbeFailed
from .alike import alike
from .asking import Ready, choose_api
from .connect import connected
from .deliver import check_places, deliver, level_line
from .ends import ERRORS, exit_code, too_many
from .facts import host_facts
from .levels import Level, levels
from .runner import Finished, Runner
from .sweep import sweep
from .versus import versus

_SIDES: Final = ("A", "B")


@dataclass
class _Collected:
    """What is there when a campaign ends, however it ends."""

    finished: list[Finished] = field(default_factory=list)
    comparison: Comparison | None = None
    names: tuple[str, str] = ("base", "new")
    interrupted: bool = False


@dataclass(frozen=True)
class _Rules:
    """What figures are held against."""

    slos: tuple[Slo, ...]
    assertions: tuple[Assertion, ...]


def run_bench(
    plan: BenchPlan, command: Sequence[str], stdin: TextIO | None = None, environ: Mapping[str, str] = os.environ
) -> int:
    """Finds a server, puts the loads on it, delivers the results. For the main thread: it hears Ctrl-C and SIGTERM.

    Args:
        plan: What was asked for.
        command: The words after ``sgl bench``, for the result file.
        stdin: For ``--dataset stdin``.
        environ: Environment variables.

    Returns:
        The exit code, see `ends`.

    Raises:
        NeverReady: There is no server, or it was never ready.
        ProbeFailed: It does not answer a single request.
        UsageError: What was asked for cannot be done, or a file cannot be read or written.
        KeyboardInterrupt: Ctrl-C before there was anything to report.
    """
    rules = _rules(plan)
    check_places(plan.output)
    collected = _Collected()
    with ending_by_exception(), ExitStack() as stack:
        try:
            runner = _runner(plan, rules, command, stdin, environ, stack)
            if plan.measure.versus:
                _versus(runner, plan, stdin, environ, stack, collected)
            elif plan.load.sweep:
                _sweep(runner, plan, collected)
            else:
                _levels(runner, plan, collected)
        except (ProbeFailed, WarmupFailed) as error:
            error.exit_code = ERRORS
            if not collected.finished:
                raise
            _say(plan, f"warning: {error.message}")
        except KeyboardInterrupt:
            if not collected.finished:
                raise
            collected.interrupted = True
        except SystemExit as end:  # SIGTERM between two runs, see `ending_by_exception`.
            if not collected.finished or end.code != 128 + signal.SIGTERM:
                raise
            collected.interrupted = True
    # The server that was started here is gone by now: what follows takes no time of a GPU.
    return _deliver(plan, rules, collected)


def _rules(plan: BenchPlan) -> _Rules:
    measure = plan.measure
    slos, assertions = parse_slos(measure.goodput), parse_assertions(measure.assertions)
    if measure.assert_file is not None:
        file = read_slo_file(measure.assert_file)
        named = {slo.name for slo in slos}  # What is typed wins over what a file says.
        slos += tuple(slo for slo in file.slos if slo.name not in named)
        assertions += file.assertions
    return _Rules(slos, assertions)


def _runner(
    plan: BenchPlan,
    rules: _Rules,
    command: Sequence[str],
    stdin: TextIO | None,
    environ: Mapping[str, str],
    stack: ExitStack,
) -> Runner:
    found = stack.enter_context(connected(plan.target, quiet=plan.output.quiet, environ=environ))
    ready = choose_api(found, plan, stdin)
    for note in ready.notes:
        _say(plan, f"note: {note}")
    return Runner(ready, plan, rules.slos, rules.assertions, command, host_facts(found.url))


def _levels(runner: Runner, plan: BenchPlan, collected: _Collected) -> None:
    asked = list(levels(plan.load))
    for number, level in enumerate(asked):
        finished = runner.run(level, number, title=_title(level, number, len(asked)))
        _note(collected, finished, plan, several=len(asked) > 1)
        if finished.is_last:
            return


def _sweep(runner: Runner, plan: BenchPlan, collected: _Collected) -> None:
    done = sweep(plan, lambda level, number: runner.run(level, number), lambda each: _note(collected, each, plan))
    collected.finished = list(done.levels)
    _say(plan, f"sweep ended: {done.why}")


def _versus(
    base: Runner,
    plan: BenchPlan,
    stdin: TextIO | None,
    environ: Mapping[str, str],
    stack: ExitStack,
    collected: _Collected,
) -> None:
    # A key that was typed is for --url: it is not told to another server.
    target = replace(plan.target, url=plan.measure.versus, model=None, api_key=None, headers={})
    other = replace(plan, target=target)
    found = stack.enter_context(connected(target, quiet=plan.output.quiet, environ=environ))
    first, second = alike(base.ready, choose_api(found, other, stdin), plan)
    left = replace(base, ready=first)
    right = replace(base, ready=second, plan=other, host=host_facts(found.url))
    collected.names = _names(first, second)
    (level,) = levels(plan.load)

    def report(side: str, finished: Finished) -> None:
        _note(collected, finished, plan, label=f"{side} {finished.level}")

    done = versus(left, right, level, report)
    collected.comparison = done.comparison


def _names(first: Ready, second: Ready) -> tuple[str, str]:
    """What the two servers are called: their software where it differs, and where they are."""
    names = []
    for side, ready in zip(_SIDES, (first, second), strict=True):
        software = " ".join(word for word in (ready.facts.software, ready.facts.version) if word)
        names.append(f"{side} {software or 'server'} at {ready.target.root}")
    return names[0], names[1]


def _note(collected: _Collected, finished: Finished, plan: BenchPlan, *, several: bool = True, label: str = "") -> None:
    collected.finished.append(finished)
    collected.interrupted = collected.interrupted or finished.interrupted
    if finished.early:
        _say(plan, f"warning: the run was ended early: {finished.early}")
    if several:
        _say(plan, f"{label or finished.level}: {level_line(finished)}")


def _deliver(plan: BenchPlan, rules: _Rules, collected: _Collected) -> int:
    outcomes = _outcomes(rules, collected, plan)
    deliver(collected.finished, outcomes, plan.output, collected.comparison, collected.names)
    trouble = too_many(plan.load.max_errors, [each.result for each in collected.finished])
    if trouble and not collected.interrupted:
        print(f"error: {trouble}", file=sys.stderr)
    return exit_code(collected.interrupted, bool(trouble), outcomes)


def _outcomes(rules: _Rules, collected: _Collected, plan: BenchPlan) -> list[Outcome]:
    """Of every run; of a sweep only at its knee, for its last level is meant to be too much."""
    finished = collected.finished
    if plan.load.sweep:
        knee = find_knee([each.result for each in finished])
        finished = [finished[-1 if knee is None else knee]]
    several = len(collected.finished) > 1
    return [
        replace(outcome, asked=f"{outcome.asked} ({each.level})") if several else outcome
        for each in finished
        for outcome in check_all(rules.assertions, each.summary)
    ]


def _title(level: Level, number: int, count: int) -> str:
    return str(level) if count == 1 else f"{level} ({number + 1} of {count})"


def _say(plan: BenchPlan, line: str) -> None:
    if not plan.output.quiet:
        print(escape(line), file=sys.stderr)

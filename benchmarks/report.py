"""The comparison as a table on standard output and as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import cpu_name
from benchmarks.measure import pooled
from benchmarks.model import ROOT
from benchmarks.targets import SGL, SGL_TINY, Measured, Verdict
from benchmarks.workload import Scenario

RESULTS: Final = ROOT / "results"
SCHEMA: Final = 1
HEADINGS: Final = ("engine", "tok/s", "rounds", "TTFT s", "TPOT ms", "cores", "others", "sgl is")


def tables(measured: Measured, scenarios: Sequence[Scenario], absent: Mapping[str, str]) -> str:
    """One table per scenario, then the engines that could not be measured and why."""
    parts = []
    for scenario in scenarios:
        engines = dict.fromkeys(each.engine for each in measured.rounds if each.scenario == scenario.key)
        if engines:
            rows = [_row(measured, engine, scenario) for engine in engines]
            parts.append(f"{scenario.title}\n{_aligned([HEADINGS, *rows])}")
    startups = [(each.engine, f"{each.ready_seconds:.1f}", _megabytes(each.resident)) for each in measured.startups]
    if startups:
        parts.append("Start\n" + _aligned([("engine", "ready s", "first process MB"), *startups]))
    if absent:
        parts.append("Not measured\n" + "\n".join(f"  {engine}: {why}" for engine, why in absent.items()))
    return "\n\n".join(parts)


def verdicts(judged: Sequence[Verdict], costs: Sequence[str]) -> str:
    """The targets, and what else is worth saying."""
    rows = [(verdict.word, verdict.text, verdict.reached) for verdict in judged]
    return "Targets\n" + _aligned(rows) + "".join(f"\n{line}" for line in costs)


def write_results(
    measured: Measured,
    judged: Sequence[Verdict],
    *,
    machine: Mapping[str, Any],
    commands: Mapping[str, str],
    absent: Mapping[str, str],
    scenarios: Sequence[Scenario],
    target: Path | None,
) -> Path:
    """Writes everything to ``target``, or to results/<cpu>-<date>.json; returns where."""
    path = target or RESULTS / f"{_slug(cpu_name())}-{machine['cores']}c-{date.today().isoformat()}.json"
    content = {
        "schema": SCHEMA,
        "machine": machine,
        "commands": commands,
        "scenarios": [asdict(scenario) for scenario in scenarios],
        "not_measured": absent,
        "startups": [asdict(startup) for startup in measured.startups],
        "targets": [{**asdict(verdict), "verdict": verdict.word} for verdict in judged],
        "rounds": [each.as_json() for each in measured.rounds],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def _row(measured: Measured, engine: str, scenario: Scenario) -> tuple[str, ...]:
    rounds = measured.of(engine, scenario.key)
    speed, ttft, tpot = pooled(rounds)
    ours = measured.speed(SGL, scenario.key) or measured.speed(SGL_TINY, scenario.key)
    return (
        engine,
        f"{speed:.1f}",
        " ".join(f"{each.tokens_per_second:.1f}" for each in rounds),
        f"{ttft:.2f}",
        f"{tpot * 1e3:.1f}",
        _mean([each.cores for each in rounds]),
        _mean([each.others for each in rounds]),
        f"{ours / speed:.2f}x" if ours and engine not in (SGL, SGL_TINY) else "",
    )


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.1f}" if known else "?"


def _megabytes(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e6:.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of words in columns, indented by two."""
    widths = [max(len(word) for word in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _slug(name: str) -> str:
    """Lower-case words with dashes: a file name."""
    plain = "".join(letter if letter.isalnum() else " " for letter in name.replace("(R)", "").replace("(TM)", ""))
    return "-".join(plain.lower().split()) or "cpu"

"""What people read, and the file that is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu_acceptance.goals import Verdict
from benchmarks.gpu_acceptance.roofline import PUBLISHED, Ceilings
from benchmarks.gpu_acceptance.rows import Checked, Figure, Row, as_json

RESULTS: Final = Path(__file__).resolve().parent.parent / "results"
SCHEMA: Final = 2
HEADINGS: Final = ("", "", "measured", "spread", "goal", "", "of limit", "of published", "time on the device")
TOLD: Final = (
    "gpu",
    "capability",
    "multiprocessors",
    "memory_gib",
    "free_gib",
    "cuda",
    "python",
    "cpu",
    "cores",
    "system",
)


def describe(facts: Mapping[str, Any]) -> str:
    """The machine, a line each."""
    lines = [f"  {name:<16}{facts[name]}" for name in TOLD if facts.get(name) not in (None, "")]
    asked = {name: value for name, value in facts.items() if name not in (*TOLD, "problem", "packages")}
    lines += [f"  {name:<16}{value}" for name, value in asked.items()]
    lines += [f"  {name:<16}{version}" for name, version in facts["packages"].items()]
    return "\n".join(lines)


def line(row: Row) -> str:
    """One row, as soon as it is known."""
    if isinstance(row, Figure):
        return f"{'measured':<9}{row.name:<36} {number(row.value)} {row.unit}, spread {row.spread:.1%}"
    return f"{row.status:<9}{row.name:<36} {row.seconds:6.1f} s  {row.detail}"


def table(verdicts: Sequence[Verdict]) -> str:
    """Goals, each beside what was measured and what is possible."""
    return aligned([HEADINGS, *map(_row, verdicts)])


def _row(verdict: Verdict) -> tuple[str, ...]:
    goal, figure = verdict.goal, verdict.figure
    sign = "<=" if goal.best == "less" else ">="
    wanted = f"{sign} {goal.goal:.0%} of copy" if goal.of_limit else f"{sign} {number(goal.goal)} {goal.unit}"
    return (
        goal.name,
        goal.text,
        f"{number(figure.value)} {goal.unit}",
        f"{figure.spread:.1%}",
        wanted,
        verdict.word,
        percent(verdict.measured_share),
        percent(verdict.published_share),
        ", ".join(f"{part} {share:.0%}" for part, share in figure.shares.items()),
    )


def machine_line(machine: Ceilings) -> str:
    """What limits were computed with."""
    where = "the published ones of an H200, as `ceilings` did not run" if machine == PUBLISHED else "measured here"
    return (
        f"Limits by a copy at {machine.bandwidth / 1e9:.0f} GB/s, read and written, and products at "
        f"{machine.products / 1e12:.0f} TFLOP/s: {where}."
    )


def failures(rows: Iterable[Row]) -> list[Checked]:
    """What went wrong."""
    return [row for row in rows if isinstance(row, Checked) and row.status == "failed"]


def summary(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> str:
    """The last words: how many of what, and each failure with the last line of where it happened."""
    checked = [row for row in rows if isinstance(row, Checked)]
    failed = failures(rows)
    lines = [
        f"{sum(row.status == 'ok' for row in checked)} checks ok, {len(failed)} failed, "
        f"{sum(row.status == 'skipped' for row in checked)} skipped; "
        f"{sum(each.word == 'met' for each in verdicts)} of {len(verdicts)} goals met"
    ]
    for row in failed:
        lines.append(f"FAILED {row.name}: {row.detail}")
        lines += [f"    {said}" for said in row.trace.strip().splitlines()[-6:]]
    return "\n".join(lines)


def content(
    facts: Mapping[str, Any], rows: Sequence[Row], verdicts: Sequence[Verdict], *, quick: bool
) -> dict[str, Any]:
    """What the file holds, plain data."""
    return {
        "schema": SCHEMA,
        "date": date.today().isoformat(),
        "quick": quick,
        "machine": dict(facts),
        "checks": [asdict(row) for row in rows if isinstance(row, Checked)],
        "figures": [as_json(row) for row in rows if isinstance(row, Figure)],
        "goals": [
            {
                "name": each.goal.name,
                "text": each.goal.text,
                "unit": each.goal.unit,
                "measured": each.figure.value,
                "goal": each.goal.goal,
                "best": each.goal.best,
                "of_limit": each.goal.of_limit,
                "verdict": each.word,
                "share_of_measured_limit": each.measured_share,
                "share_of_published_limit": each.published_share,
            }
            for each in verdicts
        ],
    }


def write(fields: Mapping[str, Any], gpu: str, folder: Path = RESULTS) -> Path:
    """Writes results/<gpu>-<date>.json; a run of the same day goes beside the one before it, with a number."""
    stem = f"{slug(gpu)}-{fields['date']}"
    names = (f"{stem}.json", *(f"{stem}-{number}.json" for number in range(2, 1000)))
    path = next(folder / name for name in names if not (folder / name).exists())
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    return path


def slug(name: str) -> str:
    """Lower-case words with dashes."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name).lower().split()) or "gpu"


def number(value: float) -> str:
    """Three digits or more, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(share: float | None) -> str:
    """Of a limit, where there is one."""
    return "" if share is None else f"{share:.0%}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of words in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )

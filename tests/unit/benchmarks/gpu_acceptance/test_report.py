"""What is printed and what is written."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.gpu_acceptance import report
from benchmarks.gpu_acceptance.goals import judge
from benchmarks.gpu_acceptance.rows import Checked, Figure, Row, as_json, from_json

OK = Checked("kernel, norm", "ok", "max abs error 1e-3", 0.5)
FAILED = Checked("kernel, heads", "failed", "ValueError: no", 0.1, "Traceback\n  line 3\nValueError: no")
FIGURE = Figure("G1", (4.2, 4.0, 4.1), "ms/token", "8 steps before", {"products": 0.9, "idle": 0.1})
ROWS: list[Row] = [OK, FAILED, FIGURE]


def test_rows_cross_a_process_boundary() -> None:
    assert [from_json(json.loads(json.dumps(as_json(row)))) for row in ROWS] == ROWS


def test_the_table_says_goal_verdict_shares_and_what_takes_the_time() -> None:
    text = report.table(judge({"G1": FIGURE}, "NVIDIA H200", rehearsal=False))
    for words in ("4.1 ms/token", "<= 4.1 ms/token", "met", "85%", "products 90%, idle 10%"):
        assert words in text


def test_the_summary_names_every_failure_and_where_it_was() -> None:
    text = report.summary(ROWS, judge({"G1": FIGURE}, "NVIDIA H200", rehearsal=False))
    assert "1 checks ok, 1 failed, 0 skipped; 1 of 1 goals met" in text
    assert "FAILED kernel, heads: ValueError: no\n" in text
    assert "  line 3" in text


def test_results_are_written_beside_those_of_the_same_day(tmp_path: Path) -> None:
    verdicts = judge({"G1": FIGURE}, "NVIDIA H200", rehearsal=False)
    fields = report.content({"gpu": "NVIDIA H200"}, ROWS, verdicts, quick=True)
    first, second = (report.write(fields, "NVIDIA H200 (80GB)", tmp_path) for _ in range(2))
    assert first.name == f"nvidia-h200-80gb-{fields['date']}.json"
    assert second.name == f"nvidia-h200-80gb-{fields['date']}-2.json"
    read = json.loads(first.read_text())
    assert read["quick"] is True
    assert [check["status"] for check in read["checks"]] == ["ok", "failed"]
    assert read["figures"][0]["samples"] == [4.2, 4.0, 4.1]
    assert read["goals"][0]["verdict"] == "met"


def test_numbers_are_readable() -> None:
    assert [report.number(value) for value in (0.6512, 16_900.4, 85.0)] == ["0.651", "16,900", "85"]

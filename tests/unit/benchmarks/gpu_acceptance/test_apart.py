"""Items in processes of their own: one that crashes, hangs or loses the device takes nothing with it."""

from __future__ import annotations

import sys

import pytest

from benchmarks.gpu_acceptance.apart import run_apart
from benchmarks.gpu_acceptance.asking import ask_facts
from benchmarks.gpu_acceptance.items import Item
from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.rows import Checked, Row

WORKER = """
import json, os, sys, time
for name in json.loads(sys.argv[2]):
    print(json.dumps({"begin": name}), flush=True)
    if name == "crashes":
        sys.stderr.write("illegal memory access")
        os._exit(9)
    if name == "hangs":
        time.sleep(60)
    status = "failed" if name == "loses" else "ok"
    row = {"kind": "checked", "name": name, "status": status, "detail": str(os.getpid()), "seconds": 0, "trace": ""}
    print("a library says hello")
    print(json.dumps({"row": row}), flush=True)
    if name == "loses":
        os._exit(70)
"""


def fake(arguments: list[str]) -> list[str]:
    return [sys.executable, "-S", "-c", WORKER, *arguments]


def rows_of(*items: tuple[str, str]) -> list[Checked]:
    rows: list[Row] = []
    listed = [Item(name, group, 1.0 if name == "hangs" else 30.0) for name, group in items]
    run_apart(listed, Place(), lambda name: None, rows.append, fake)
    return [row for row in rows if isinstance(row, Checked)]


def test_a_group_shares_a_process() -> None:
    first, second, other = rows_of(("first", "a"), ("second", "a"), ("other", "b"))
    assert first.detail == second.detail != other.detail


@pytest.mark.parametrize(
    ("name", "said"), [("crashes", "ended its process, exit code 9"), ("hangs", "took longer than 1 s")]
)
def test_what_ends_a_process_is_said_and_the_rest_runs_in_another(name: str, said: str) -> None:
    before, ending, after = rows_of(("before", "a"), (name, "a"), ("after", "a"))
    assert (before.status, ending.status, after.status) == ("ok", "failed", "ok")
    assert ending.detail == said
    assert before.detail != after.detail
    assert ending.trace == ("illegal memory access" if name == "crashes" else "")


def test_a_lost_device_is_told_once() -> None:
    lost, after = rows_of(("loses", "a"), ("after", "a"))
    assert (lost.status, after.status) == ("failed", "ok")


def test_what_libraries_print_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    rows_of(("first", "a"))
    assert "a library says hello" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ('print(\'{"facts": {"problem": "none here"}}\')', "none here"),
        ("raise SystemExit('no torch')", "looking for one ended with exit code 1: no torch"),
    ],
)
def test_facts_or_why_there_are_none(script: str, problem: str) -> None:
    assert ask_facts([sys.executable, "-S", "-c", script])["problem"] == problem

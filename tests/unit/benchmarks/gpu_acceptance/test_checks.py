"""Checks that compare answers can fail, and an item that raises does not stop the next one."""

from __future__ import annotations

import json

import pytest

from benchmarks.gpu_acceptance import worker
from benchmarks.gpu_acceptance.__main__ import main
from benchmarks.gpu_acceptance.engine_checks import compared, same_bits
from benchmarks.gpu_acceptance.engines import Answer, Bench
from benchmarks.gpu_acceptance.items import ITEMS, Item, chosen
from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.rows import Checked, Row
from benchmarks.gpu_acceptance.worker import run_items
from sgl.selftest.case import Measured


def answer(*pairs: tuple[int, float]) -> list[Answer]:
    return [Answer([token for token, _ in pairs], [logprob for _, logprob in pairs])]


WANTED = answer((5, -1.0), (6, -2.0), (7, -0.5))


@pytest.mark.parametrize(
    ("got", "exact", "status"),
    [
        (answer((5, -1.0), (6, -2.0), (7, -0.5)), True, "ok"),
        (answer((5, -1.0005), (6, -2.0), (7, -0.5)), True, "ok"),
        (answer((5, -1.1), (6, -2.0), (7, -0.5)), True, "error"),
        (answer((5, -1.0), (9, -2.0), (7, -0.5)), True, "error"),
        (answer((5, -1.0), (9, -2.0), (1, -4.0)), False, "ok"),
        (answer((5, -1.0), (9, -2.2), (1, -4.0)), False, "error"),
        (answer((5, float("nan")), (6, -2.0), (7, -0.5)), False, "error"),
    ],
)
def test_answers_are_compared(got: list[Answer], exact: bool, status: str) -> None:
    assert compared(got, WANTED, 1e-3, exact=exact).status == status


def test_one_bit_is_a_difference() -> None:
    assert same_bits(WANTED, WANTED, "").status == "ok"
    assert same_bits(answer((5, -1.0), (6, -2.0000000000000004), (7, -0.5)), WANTED, "").status == "error"
    with pytest.raises(ValueError, match="zip"):
        same_bits(answer((5, -1.0)), WANTED, "")


def test_what_raises_is_a_failure_and_the_next_one_runs() -> None:
    def broken(bench: Bench) -> Measured:
        raise RuntimeError("no kernel\nand more")

    rows: list[Row] = []
    items = [
        Item("broken", "a", 1.0, check=broken),
        Item("wrong", "a", 1.0, check=lambda bench: Measured("error", "off by 1")),
        Item("left out", "a", 1.0, check=lambda bench: Measured("skip", "no GPU")),
        Item("fine", "a", 1.0, check=lambda bench: Measured("ok", "")),
    ]
    run_items(items, Place(rehearsal=True), lambda name: None, rows.append)
    found = [(row.name, row.status) for row in rows if isinstance(row, Checked)]
    assert found == [("broken", "failed"), ("wrong", "failed"), ("left out", "skipped"), ("fine", "ok")]
    assert isinstance(rows[0], Checked)
    assert rows[0].detail == "RuntimeError: no kernel"
    assert 'File "tests/unit/benchmarks/gpu_acceptance/test_checks.py"' in rows[0].trace


def test_the_worker_speaks_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    place = json.dumps(Place(rehearsal=True).as_json())
    assert worker.main([place, '["kernel, merge", "engine, FlashInfer"]']) == 0
    begun, row, _, skipped = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert begun == {"begin": "kernel, merge"}
    assert (row["row"]["name"], row["row"]["status"]) == ("kernel, merge", "ok")
    assert skipped["row"]["status"] == "skipped"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--only", "nothing"], "no item is called so; --list names them"), (["--model", "x"], "no config.json in it")],
)
def test_what_cannot_be_run_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rehearse", *arguments]) == 3
    assert said in capsys.readouterr().err


def test_items_are_found_by_their_names() -> None:
    assert chosen([]) == ITEMS
    assert [item.name for item in chosen(["G1"])] == ["G1"]
    assert {item.name.split(",")[0] for item in chosen(["kernel"])} == {"kernel"}
    assert [item.name for item in chosen(["fp8", "ceilings"])] == [
        *(item.name for item in ITEMS if ", fp8" in item.name.lower()),
        "ceilings",
    ]
    assert chosen(["nothing"]) == ()
    assert len({item.name for item in ITEMS}) == len(ITEMS)

from __future__ import annotations

import pytest

from sgl.runs.phase import PhaseLog, PhaseRecord, current
from sgl.runs.plain import SECONDS_BETWEEN, PlainLines


def test_a_step_from_beginning_to_end() -> None:
    log = PhaseLog()
    log.note("weights", total=100)
    log.note("weights", done=40, total=100)
    (record,) = log.records
    assert (record.title, record.share, record.seconds) == ("load weights", 0.4, None)
    assert record.rate(record.began + 2) == 20
    assert record.seconds_left(record.began + 2) == 3
    assert current(log.records) == record
    log.note("weights", "100 bytes", 0.5, 100)
    (ended,) = log.records
    assert (ended.began, ended.detail, ended.seconds) == (record.began, "100 bytes", 0.5)
    assert ended.rate(0.0) == 200
    assert ended.seconds_left(0.0) is None
    assert current(log.records) is None


@pytest.mark.parametrize("record", [PhaseRecord("x", total=0, done=0), PhaseRecord("x", total=10), PhaseRecord("x")])
def test_nothing_known_is_nothing_said(record: PhaseRecord) -> None:
    assert record.title == "x"
    assert (record.share, record.rate(5.0), record.seconds_left(5.0)) == (None, None, None)


def test_plain_lines_say_each_thing_once() -> None:
    said: list[str] = []
    now = [0.0]
    plain = PlainLines(said.append, clock=lambda: now[0])
    log = PhaseLog()
    for note in (
        {"name": "engine"},
        {"name": "engine", "seconds": 2.0},
        {"name": "weights", "total": 2**30},
        {"name": "weights", "done": 2**29, "total": 2**30},
    ):
        log.note(**note)
        plain.show(log.records)
        plain.show(log.records)
    assert said == ["start the engine: done in 2.00 s", "load weights (1.0 GiB) ..."]
    now[0] += SECONDS_BETWEEN
    plain.show(log.records)
    plain.show(log.records)
    assert len(said) == 3
    assert said[2].startswith("load weights, 50 %, ")
    assert said[2].endswith("/s after 0 s")
    log.note("weights", "1.0 GiB, safetensors", 12.0)
    plain.show(log.records)
    assert said[3] == "load weights: 1.0 GiB, safetensors: done in 12.00 s"

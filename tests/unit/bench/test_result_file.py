"""Result files: written, read again, and refused in one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgl.errors import UsageError
from sgl_cli.bench.metrics.slo import parse_slos
from sgl_cli.bench.metrics.summary import summarize
from sgl_cli.bench.record import Record
from sgl_cli.bench.record_json import read_record
from sgl_cli.bench.result import Result
from sgl_cli.bench.result_file import from_json, parse_result, read_result
from sgl_cli.bench.run import Run

from .synthetic import answer, closed_loop, failed, result_of, run_of


def made() -> Result:
    run = closed_loop(requests=30)
    records = [*run.records, failed(0.1, 0.4), answer(scheduled=0.0, server={"queue_ms": 1.5}, chunk_tokens=(1,))]
    return result_of(run_of(records, concurrency=8), slos=parse_slos(["ttft:200"]), keep_records=True)


RESULT = made()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(RESULT.to_text(), encoding="utf-8")
    again = read_result(path)
    assert again.to_text() == RESULT.to_text()
    assert again.facts == RESULT.facts
    assert again.limits == {"ttft": 200.0}


def test_the_parts_are_those_of_the_design() -> None:
    document = json.loads(RESULT.to_text())
    assert document["schema_version"] == 1
    assert document["started"] == "2023-11-14T22:13:20.000+00:00"
    assert document["dataset"]["sha256"] == "ab" * 32
    assert document["load"] == {"concurrency": 8, "rate": None}
    assert document["schema"]["tpot"]["unit"] == "ms"
    assert "requests" not in result_of(closed_loop(requests=5)).to_json()


def test_records_give_the_same_figures_again() -> None:
    document = json.loads(RESULT.to_text())
    records = [read_record(value) for value in document["requests"]]
    run = Run(records, 0.0, document["summary"]["duration_s"], concurrency=8)
    assert summarize(run, parse_slos(["ttft:200"])).to_json()["summary"] == document["summary"]


def test_samples_of_many_requests_are_thinned() -> None:
    found = result_of(run_of([Record(number, 0.0, 1.0 + number) for number in range(25_000)])).samples
    assert found.answered == 25_000
    assert len(found.columns["e2el_ms"]) == 10_000


def change(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def changed(document: dict[str, Any]) -> None:
        *path, last = key.split("/")
        for part in path:
            document = document[int(part) if part.isdigit() else part]
        document[last] = value

    return changed


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("kind", "x"), "run.json is no result of sgl bench"),
        (change("schema_version", 2), "run.json is of a newer form (2, written by sgl '1.2.3'); this sgl reads 1"),
        (change("schema_version", "1"), "run.json is damaged: schema_version is '1'"),
        (change("summary", None), "run.json is damaged: summary is missing"),
        (change("summary/duration_s", "long"), "run.json is damaged: summary.duration_s is no number"),
        (change("summary/requests", []), "run.json is damaged: requests is no table"),
        (change("summary/ttft_ms", 5), "run.json is damaged: ttft_ms is no table"),
        (change("summary/ttft_ms/mean", 10**400), "run.json is damaged: ttft_ms.mean is no number"),
        (change("summary/ttft_ms/mean", True), "run.json is damaged: ttft_ms.mean is no number"),
        (change("steady_state/out_tok_s", None), "run.json is damaged: steady_state.out_tok_s is no number"),
        (change("slo/per_slo/ttft", 1), "run.json is damaged: ttft is no table"),
        (change("timeline_1s", {}), "run.json is damaged: timeline_1s is no list of tables"),
        (change("timeline_1s/0/seconds", None), "run.json is damaged: timeline_1s.seconds is no number"),
        (change("samples/ttft_ms", ["a"]), "run.json is damaged: samples.ttft_ms is no list of numbers"),
        (change("samples/ttft_ms", [1.0]), "run.json is damaged: the columns of samples are not of one length"),
        (change("host", "here"), "run.json is damaged: host is no table"),
        (change("name", 5), "run.json is damaged: name is no text"),
        (change("load/rate", "fast"), "run.json is damaged: load.rate is no number"),
        (change("requests", [1]), "run.json is damaged: requests is no list of tables"),
    ],
)
def test_damage_is_named(damage: Callable[[dict[str, Any]], None], message: str) -> None:
    document = json.loads(RESULT.to_text())
    damage(document)
    with pytest.raises(UsageError) as caught:
        from_json(document, "run.json")
    assert caught.value.message == message


NO_RESULT = "run.json is no result of sgl bench"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "run.json is no JSON, line 1"),
        ('{"kind":\n', "run.json is no JSON, line 2"),
        ('{"duration": NaN}', "run.json is no JSON"),
        ("[" * 100_000, "run.json is damaged: it is nested too deeply"),
        ("[]", NO_RESULT),
        (
            '{"request_throughput": 5}',
            "run.json is no result of sgl bench; it looks like one of vLLM's or SGLang's benchmark",
        ),
    ],
)
def test_foreign_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_result(text, "run.json")
    assert caught.value.message == message


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read nowhere\.json"):
        read_result(tmp_path / "nowhere.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_result(tmp_path / "bytes.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(sorted(RESULT.to_json())), JSON)
def test_any_damage_is_an_error_of_one_line_or_none(key: str, value: Any) -> None:
    document = {**json.loads(RESULT.to_text()), key: value}
    try:
        result = from_json(document)
    except UsageError as refusal:
        message = refusal.message
    else:
        message = ""
        result.to_text()
    assert "\n" not in message


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"index": 0, "sent": 0.0},
        {"index": 0, "sent": 0.0, "ended": 1.0, "more": 1},
        {"index": 0, "sent": "now", "ended": 1.0},
        {"index": 0.5, "sent": 0.0, "ended": 1.0},
        {"index": 0, "sent": 0.0, "ended": 1.0, "chunks": 5},
        {"index": 0, "sent": 0.0, "ended": 1.0, "chunks": ["x"]},
        {"index": 0, "sent": 0.0, "ended": 1.0, "chunk_tokens": [0.5]},
        {"index": 0, "sent": 0.0, "ended": 1.0, "failure": {"kind": "magic"}},
        {"index": 0, "sent": 0.0, "ended": 1.0, "failure": {"kind": "cut", "status": "x", "message": ""}},
        {"index": 0, "sent": 0.0, "ended": 1.0, "server": {"queue_ms": "x"}},
    ],
)
def test_what_is_no_record_is_refused(value: Any) -> None:
    with pytest.raises(UsageError):
        read_record(value)

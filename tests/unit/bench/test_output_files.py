"""Files: JSON, CSV, lines of requests, Markdown; how they are written, and results that are damaged."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.output.csv_rows import csv_text
from sgl_cli.bench.output.html import html_text
from sgl_cli.bench.output.json_file import comparison_text, file_name, json_text, read_results, save
from sgl_cli.bench.output.markdown import markdown_text
from sgl_cli.bench.output.report import report
from sgl_cli.bench.output.requests import request_lines
from sgl_cli.bench.output.table import print_run
from sgl_cli.bench.output.writing import check_writable, write_lines, write_text
from sgl_cli.bench.record_json import read_record
from sgl_cli.bench.result import Result
from sgl_cli.bench.result_file import parse_result, read_result

from .output_cases import Shown, comparison, levels, nothing, one_run, open_loop, shown
from .synthetic import answer, closed_loop, failed, result_of, run_of

RUN, SWEEP = one_run(), levels()


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.txt"
    write_text(path, "one")
    path.chmod(0o640)
    write_text(path, "two")
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def broken() -> Iterator[str]:
        yield "three"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_lines(path, broken())
    assert path.read_text() == "two"
    assert [one.name for one in path.parent.iterdir()] == ["run.txt"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_directly() -> None:
    write_text(Path("/dev/null"), "gone")
    assert not Path("/dev/null").is_file()


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write_text(Path("-"), "text")
    assert capsys.readouterr().out == "text"


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a folder"):
        write_text(tmp_path, "")
    with pytest.raises(UsageError, match="cannot be written"):
        write_text(tmp_path / "file" / "below", "")
    with pytest.raises(UsageError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(UsageError, match="cannot be written"):
        check_writable(tmp_path / "file" / "below")
    check_writable(tmp_path / "a" / "b" / "c")
    check_writable(Path("-"))
    assert not (tmp_path / "a").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others_is_refused_before_the_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="no permission"):
        check_writable(tmp_path / "run.json")


def test_a_run_and_a_sweep_are_read_again(tmp_path: Path) -> None:
    one = save(tmp_path / "run.json", [RUN])
    assert [result.to_text() for result in read_results(one)] == [RUN.to_text()]
    many = save(tmp_path / "sweep.json", SWEEP)
    assert [result.to_text() for result in read_results(many)] == [result.to_text() for result in SWEEP]
    with pytest.raises(UsageError, match=r"sweep\.json is a sweep: several results") as refused:
        read_result(many)
    assert "sgl bench report" in str(refused.value.hint)
    cut = json.loads(many.read_text())["runs"][2]
    assert parse_result(json.dumps(cut)).to_text() == SWEEP[2].to_text()


def test_a_folder_takes_a_file_with_a_telling_name(tmp_path: Path) -> None:
    assert save(tmp_path, [RUN]).name == "demo-concurrency-8-20231114T221320.json"
    assert file_name(SWEEP) == "demo-sweep-20231114T221320.json"
    odd = replace(RUN, facts=replace(RUN.facts, server={"model": "../../x y/../.ssh"}))
    assert file_name([odd]) == "ssh-concurrency-8-20231114T221320.json"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runs": []}, "is damaged: runs is no list"),
        ({"schema_version": 9}, "is of a newer form"),
        ({"runs": [{}]}, "f.json, run 1 is no result"),
        ({"kind": "x"}, "f.json is no result"),
    ],
)
def test_damaged_sweeps_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "f.json"
    path.write_text(json.dumps({**json.loads(json_text(SWEEP[:2])), **change}))
    with pytest.raises(UsageError, match=message):
        read_results(path)


def test_a_comparison_is_json() -> None:
    document = json.loads(comparison_text(comparison()))
    assert document["kind"] == "sgl bench comparison"
    assert {row["verdict"] for row in document["rows"]} >= {"better", "noise"}


def test_csv_has_a_row_for_each_run_and_a_column_for_each_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text([RUN, open_loop(), nothing()]))))
    assert [row["sent"] for row in rows] == ["1203", "30", "2"]
    assert float(rows[0]["ttft_p99_ms"]) == pytest.approx(RUN.summary["ttft_ms"]["p99"], abs=1e-6)
    assert rows[1]["ttft_p99_ms"] == ""
    assert (rows[1]["rate"], rows[1]["concurrency"], rows[1]["partial"]) == ("10", "", "1")
    assert float(rows[0]["out_tok_s"]) == pytest.approx(RUN.summary["out_tok_s"], abs=1e-6)


def test_csv_holds_no_formula() -> None:
    facts = replace(RUN.facts, name="=1+1", server={"model": "@x"})
    (row,) = csv.DictReader(io.StringIO(csv_text([replace(RUN, facts=facts)])))
    assert (row["name"], row["model"]) == ("'=1+1", "'@x")


def test_requests_are_lines_with_their_times() -> None:
    runs = [[answer(1.0, 0.1, [0.01, 0.01]), failed()], [replace(answer(output_tokens=0), chunks=())]]
    lines = [json.loads(line) for line in request_lines(runs)]
    assert [line["run"] for line in lines] == [0, 0, 1]
    assert (lines[0]["ttft_ms"], lines[0]["tpot_ms"], lines[0]["e2el_ms"]) == (100.0, 10.0, 120.0)
    assert lines[1]["failure"]["message"] == "boom"
    assert "ttft_ms" not in lines[1]
    assert "ttft_ms" not in lines[2]
    added = {"run", "tokens", "ttft_ms", "tpot_ms", "e2el_ms", "icl_max_ms", "send_delay_ms"}
    assert read_record({key: value for key, value in lines[0].items() if key not in added}) == runs[0][0]


def test_markdown_of_a_server_stays_text() -> None:
    nasty = "a|b `c` [x](http://e) @someone #1 <img src=x> ```\n# head"
    facts = replace(RUN.facts, name=nasty, client={"cmdline": nasty})
    text = markdown_text([result_of(run_of([failed(0, 1, nasty)], concurrency=1), facts)])
    assert "<img" not in text.partition("````sh")[0]
    assert "@someone" not in text.partition("````sh")[0]
    assert "\n# head" not in text
    tables = [line for line in text.splitlines() if line.startswith("| 1 | HTTP 500")]
    assert len(tables) == 1
    assert "a\\|b" in tables[0]


def test_tables_of_markdown_have_one_width() -> None:
    for text in (markdown_text([RUN]), markdown_text(SWEEP), markdown_text([nothing()])):
        block: list[int] = []
        for line in [*text.splitlines(), ""]:
            if line.startswith("|"):
                block.append(line.replace("\\|", "").count("|"))
            else:
                assert len(set(block)) <= 1
                block = []


def test_a_saved_result_is_shown_again(tmp_path: Path) -> None:
    path = save(tmp_path / "run.json", [RUN])
    assert shown(lambda stream: report([path], stream)) == shown(lambda stream: print_run(RUN, stream))
    out = tmp_path / "run.html"
    stream = Shown()
    report([path], stream, html=out, markdown=tmp_path / "run.md", csv=tmp_path / "run.csv")
    assert stream.text() == ""
    assert out.read_text() == html_text([RUN])
    assert (tmp_path / "run.md").read_text() == markdown_text([RUN])
    assert (tmp_path / "run.csv").read_text() == csv_text([RUN])


def test_several_results_are_levels_of_a_sweep(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.json", [result]) for number, result in enumerate(SWEEP)]
    assert "knee at concurrency 16" in shown(lambda stream: report(paths, stream))


JUNK: list[Any] = [None, True, "x", [], {}, [1], {"a": 1}, -1, 0, 1e300, 10**400, "\ud800"]
"""What a file from elsewhere may have in a place that the reader does not check."""

SMALL = replace(result_of(closed_loop(requests=30)), facts=RUN.facts)
KEYS = [
    *("partial", "in_tok_s", "total_tok_s", "peak_out_tok_s", "mean_in_flight", "peak_in_flight", "in_tok", "out_tok"),
    *("answers_with_estimated_tokens", "answers_with_estimated_itl", "cache", "errors", "server", "server_reported"),
]


@pytest.mark.parametrize("key", KEYS)
def test_a_result_from_elsewhere_is_always_shown(key: str) -> None:
    for junk in JUNK:
        odd = replace(SMALL, summary={**SMALL.summary, key: junk})
        every_form(odd)
    every_form(replace(SMALL, summary={name: value for name, value in SMALL.summary.items() if name != key}))


@pytest.mark.parametrize("part", ["host", "server", "client", "dataset", "config"])
def test_facts_from_elsewhere_are_always_shown(part: str) -> None:
    for junk in JUNK:
        table = dict.fromkeys(("gpu", "model", "url", "cmdline", "name", "seed", "sha256", "software", "api"), junk)
        every_form(replace(SMALL, facts=replace(SMALL.facts, **{part: table})))


def test_client_and_errors_from_elsewhere_are_always_shown() -> None:
    for junk in JUNK:
        client = dict.fromkeys(SMALL.summary["client"], junk)
        group = {"kind": junk, "status": junk, "message": junk, "count": junk, "example": junk}
        spread = dict.fromkeys(SMALL.summary["ttft_ms"], junk)
        every_form(replace(SMALL, summary={**SMALL.summary, "client": client, "errors": [group], "ttft_ms": spread}))


def every_form(result: Result) -> None:
    texts = [
        html_text([result, result]),
        markdown_text([result, result]),
        markdown_text([result]),
        csv_text([result]),
        shown(lambda stream: print_run(result, stream)),
    ]
    for text in texts:
        text.encode()

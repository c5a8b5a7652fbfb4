from __future__ import annotations

import io
import os
import time

import pytest

from sgl.runs.listing import Row, duration, look, table
from sgl.runs.phase import PhaseRecord
from sgl.runs.traffic import Traffic, ask
from sgl.terminal import Terminal
from tests.live import live
from tests.registered_process import record


def test_the_table() -> None:
    ready = record(id="mila", url="http://127.0.0.1:30000", started=1000.0, log="/logs/mila.log")
    loading = PhaseRecord("weights", "", 1060.0, None, 2**30, 4 * 2**30)
    starting = record(id="nora", models=("Qwen/Qwen3-8B",), state="starting", started=1050.0, phases=(loading,))
    rows = [Row(ready, 300 * 2**20, Traffic(2, 1), 1061.0), Row(starting, None, None, 1061.0)]
    lines = [
        "ID    MODEL          URL                     STATE                                   UP     MEMORY     "
        "REQUESTS             LOG",
        "mila  stories        http://127.0.0.1:30000  ready                                   1 min  300.0 MiB  "
        "2 running, 1 queued  /logs/mila.log",
        "nora  Qwen/Qwen3-8B  -                       starting: load weights, 25 %, 1.0 GiB/s  11 s   -          "
        "-                    -",
    ]
    shown = table(rows, Terminal(io.StringIO(), {}))
    assert [" ".join(line.split()) for line in shown] == [" ".join(line.split()) for line in lines]
    assert shown[1].index("ready") == shown[2].index("starting")


def test_a_narrow_terminal_has_no_column_for_logs() -> None:
    terminal = Terminal(io.StringIO(), {})
    terminal.interactive = True
    row = Row(record(id="mila", log="/logs/mila.log"), None, Traffic(0, 0), 2.0)
    terminal.columns = 60
    assert table([row], terminal)[1].endswith("idle")
    terminal.columns = 200
    assert table([row], terminal)[1].endswith("/logs/mila.log")


def test_a_row_as_plain_values() -> None:
    row = Row(record(id="mila", started=1.0), 5, None, 3.5)
    assert row.to_json()["uptime_seconds"] == 2.5
    assert (row.to_json()["memory_bytes"], row.to_json()["requests_running"]) == (5, None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"),
        (86399, "23 h 59 min"), (90000, "1 d 1 h"),
    ],
)  # fmt: skip
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_server_is_asked_for_its_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with live() as server:
        entry = record(pid=os.getpid(), url=f"http://127.0.0.1:{server.port}", started=time.time())
        assert ask(entry) == Traffic(0, 0)
        (row,) = look([entry], None)
        assert row.traffic == Traffic(0, 0)
        assert (row.memory_bytes or 0) > 2**20
    assert ask(entry) is None


def test_a_server_with_a_key_tells_those_who_have_it() -> None:
    with live(api_keys=("s3cret",)) as server:
        entry = record(url=f"http://127.0.0.1:{server.port}", has_key=True)
        assert ask(entry) is None
        assert ask(entry, "wrong") is None
        assert ask(entry, "s3cret") == Traffic(0, 0)


def test_one_that_starts_is_not_asked() -> None:
    assert ask(record(url="http://127.0.0.1:9", state="starting")) is None
    assert look([], None) == []

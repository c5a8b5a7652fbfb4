"""The view of a run that is under way."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sgl_cli.bench.load.progress import Counters, Progress, Snapshot
from sgl_cli.bench.output import live as live_module
from sgl_cli.bench.output.dashboard import Dashboard, plain_line, sparkline
from sgl_cli.bench.output.live import Plain, Redrawn, watch
from sgl_cli.bench.output.rates import Rates
from sgl_cli.bench.record import Failure, Record
from tests.screen import Screen

from .output_cases import Shown, environment

BOOM = Failure("status", 500, "boom \x1b[31m [red]")

SNAPSHOT = Snapshot(
    elapsed=20.0,
    total=1000,
    duration=None,
    sent=264,
    done=200,
    failed=3,
    in_flight=64,
    waiting=12,
    events=9_000,
    tokens=19_700,
    failures={BOOM: 2, Failure("connect", 0, "refused"): 1},
    ttft=[0.05] * 99 + [0.5],
    tpot=[0.01] * 100,
    lag_ms=1.25,
    stopping=False,
)


def fed(snapshots: list[Snapshot]) -> Rates:
    rates = Rates()
    for snapshot in snapshots:
        rates.add(snapshot)
    return rates


def steady(seconds: int = 30, step: float = 0.25) -> list[Snapshot]:
    """10 answers and 1,000 events each second; an answer has 100 events and 200 tokens; nothing is under way."""
    return [
        replace(
            SNAPSHOT,
            elapsed=number * step,
            done=round(10 * number * step),
            failed=0,
            in_flight=0,
            events=round(1000 * number * step),
            tokens=200 * round(10 * number * step),
        )
        for number in range(1, int(seconds / step) + 1)
    ]


def test_speeds_are_those_of_the_run() -> None:
    rates = fed(steady())
    assert rates.requests == pytest.approx(10, rel=0.05)
    assert rates.tokens == pytest.approx(2000, rel=0.05)
    assert len(rates.history) in (29, 30)
    assert rates.history == pytest.approx([2000] * len(rates.history), rel=0.05)


def test_answers_under_way_count_half() -> None:
    """200 done with 100 events each, and 64 half done: 23,200 events; 19,700 tokens of 197 answers."""
    rates = fed([replace(SNAPSHOT, events=100 * (197 + 32), failures={})])
    assert rates.tokens_per_event == pytest.approx(1.0)
    assert fed([replace(SNAPSHOT, tokens=0, done=0, failed=0)]).tokens_per_event == 1.0


def test_the_end_is_guessed_from_number_or_duration() -> None:
    rates = Rates()
    assert rates.remaining(SNAPSHOT) == pytest.approx(80)
    assert rates.remaining(replace(SNAPSHOT, duration=30.0)) == pytest.approx(10)
    assert rates.remaining(replace(SNAPSHOT, total=None, duration=None)) is None
    assert rates.remaining(replace(SNAPSHOT, done=0, failed=0)) is None


def test_a_late_look_leaves_no_hole_in_the_history() -> None:
    first, *_, last = steady()
    assert len(fed([first, last]).history) == 30


def texts(snapshot: Snapshot, width: int, unicode: bool = True, rates: Rates | None = None) -> list[str]:
    lines = Dashboard("concurrency 64", unicode).lines(snapshot, rates or fed(steady()), width)
    return [line.plain for line in lines]


def test_the_dashboard() -> None:
    assert texts(SNAPSHOT, 100) == [
        "concurrency 64  ████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  200/1,000  0:20  1:20 left  197 ok, 3 failed",
        "in flight 64  queued 12  10.00 req/s  2,000 tok/s out",
        "█" * 30 + "  to 2,000 tok/s",
        "TTFT p50 50.00 ms p99 54.50 ms  TPOT p50 10.00 ms p99 10.00 ms",
        "✗ 2 x HTTP 500: boom [red]",
        "client loop lag 1.25 ms; latencies of the last 1,024 requests",
    ]


@pytest.mark.parametrize("width", [1, 5, 20, 40, 79, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_any_width(width: int, unicode: bool) -> None:
    for snapshot in (SNAPSHOT, replace(SNAPSHOT, elapsed=0.0, done=0, failed=0, failures={}, ttft=[], tpot=[])):
        lines = texts(snapshot, width, unicode)
        assert all(len(line) <= width for line in lines)
        assert unicode or all(line.isascii() for line in lines)


def test_the_phases_of_a_run_are_named() -> None:
    assert "warming up" in texts(replace(SNAPSHOT, elapsed=0.0), 100)[0]
    assert "waiting for the last 64" in texts(replace(SNAPSHOT, stopping=True), 120)[0]


def test_sparklines() -> None:
    assert sparkline([0, 50, 100], "▁▂▃▄▅▆▇█") == "▁▅█"
    assert sparkline([0, 0], "_#") == "__"
    assert sparkline([], "_#") == ""


def test_a_line_for_a_file() -> None:
    line = plain_line("concurrency 64", SNAPSHOT, fed(steady()))
    assert line == (
        "concurrency 64: 200/1,000  0:20  1:20 left  197 ok, 3 failed, in flight 64, 10.00 req/s, 2,000 tok/s, "
        "TTFT p50 50.00 ms p99 54.50 ms"
    )


def test_a_first_look_has_speeds_already_and_needs_no_answer_for_them() -> None:
    rates = fed([replace(SNAPSHOT, elapsed=10.0, done=0, failed=0, tokens=0, events=500)])
    assert (rates.requests, rates.tokens) == (0.0, 50.0)


def going() -> Progress:
    """A run that has begun."""
    progress = Progress()
    progress.total = 10
    progress.counters = [Counters(sent=8, in_flight=4, events=40)]
    progress.start(time.perf_counter() - 5)
    for number in range(4):
        progress.note(Record(number, 0.0, 0.5, chunks=(0.1, 0.2), output_tokens=20))
    return progress


@pytest.fixture
def terminal() -> Iterator[Shown]:
    with environment(80):
        yield Shown(tty=True)


def seen(text: str, columns: int = 80) -> Screen:
    """The screen afterwards; hiding the cursor changes nothing on it."""
    return Screen(columns).feed(re.sub(r"\x1b\[\?25[lh]", "", text))


def test_the_view_is_redrawn_in_place_and_leaves_nothing(terminal: Shown) -> None:
    view = Redrawn(going(), terminal, "concurrency 4")
    view.open()
    for _ in range(3):
        view.show()
    lines = seen(terminal.text()).text().splitlines()
    assert lines[0].startswith("concurrency 4  ██")
    assert sum("TTFT p50 100.0 ms" in line for line in lines) == 1
    view.close()
    assert seen(terminal.text()).text() == ""
    assert terminal.text().count("\x1b[?25l") == terminal.text().count("\x1b[?25h") == 1


def test_a_narrower_terminal_is_left_clean(terminal: Shown) -> None:
    """A terminal that becomes narrower wraps what is on it: the screen is played again at the new width."""
    view = Redrawn(going(), terminal, "concurrency 4")
    view.open()
    view.show()
    before = terminal.text()
    view._console.width = 40
    view.show()
    view.close()
    assert seen(before, 40).text() != ""
    assert seen(terminal.text(), 40).text() == ""


def test_a_terminal_without_colours_and_unicode() -> None:
    with environment(80, NO_COLOR="1"):
        stream = Shown("ascii", tty=True)
        view = Redrawn(going(), stream, "")
        view.open()
        view.show()
        view.close()
    assert stream.text().isascii()
    assert not re.search(r"\x1b\[[0-9;]*m", stream.text())


def test_a_file_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "LINE_SECONDS", 0.01)
    stream = Shown()
    with environment(), watch(going(), stream, title="rate 8"):
        wait_for(lambda: stream.text().count("\n") >= 2)
    for line in stream.text().splitlines():
        assert re.match(r"rate 8: 4/10  0:0\d  0:0\d left  4 ok, 0 failed, in flight 4, ", line)


def test_a_short_run_into_a_file_needs_no_line() -> None:
    stream = Shown()
    with watch(going(), stream):
        pass
    assert stream.text() == ""


def test_no_live_view_on_a_terminal_when_not_wanted(terminal: Shown) -> None:
    with watch(going(), terminal, live=False):
        time.sleep(0.05)
    assert terminal.text() == ""


def test_standard_output_is_left_alone(terminal: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with watch(going(), terminal):
        wait_for(lambda: "TTFT" in terminal.text())
        print("result")
    assert out.getvalue() == "result\n"
    assert "result" not in terminal.text()


def test_a_view_that_fails_does_not_end_the_run(terminal: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(view: Redrawn) -> None:
        raise ValueError("no \x1b[31mview")

    monkeypatch.setattr(Redrawn, "show", fail)
    with watch(going(), terminal):
        wait_for(lambda: "\x1b[?25h" in terminal.text())
    assert "warning: the live view failed: no view" in terminal.text()
    assert not [thread for thread in threading.enumerate() if thread.name == "bench-view"]


def test_the_run_s_own_error_comes_through(terminal: Shown) -> None:
    with pytest.raises(KeyboardInterrupt), watch(going(), terminal):
        raise KeyboardInterrupt
    assert not [thread for thread in threading.enumerate() if thread.name == "bench-view"]


def test_plain_lines_survive_ascii() -> None:
    stream = Shown("ascii")
    view = Plain(going(), stream, "modèle")
    view.open()
    view.show()
    assert stream.text().startswith("mod?le: ")


def wait_for(happened: object, seconds: float = 20.0) -> None:
    assert callable(happened)
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)

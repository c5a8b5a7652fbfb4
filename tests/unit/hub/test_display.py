"""The progress of a download as a person, a pipe and a silent program see it."""

from __future__ import annotations

import io

import pytest

from sgl.hub.display import LINE_EVERY, LineDisplay, LiveDisplay, SilentDisplay, duration, live_lines, open_display
from sgl.hub.meter import Meter, Reading
from sgl.terminal import Terminal

MIB = 1 << 20
HALF = Reading(100 * MIB, 50 * MIB, 5.0 * MIB, (("a.safetensors", 20 * MIB, 60 * MIB), ("config.json", 1, 2)))


class Stream(io.StringIO):
    """A stream with an encoding, and perhaps a person."""

    def __init__(self, *, watched: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._watched = watched
        self._name = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._name

    def isatty(self) -> bool:
        return self._watched


def terminal(encoding: str = "utf-8") -> Terminal:
    return Terminal(Stream(encoding=encoding), {})


def test_a_person_sees_a_bar_and_the_large_files() -> None:
    total, file = live_lines(HALF, terminal(), 80)
    assert total == "━" * 10 + "─" * 10 + "  50.0 MiB of 100.0 MiB (50 %), 5.0 MiB/s, 10 s left"
    assert file == "  a.safetensors  20.0 MiB of 60.0 MiB"
    assert live_lines(HALF, terminal("ascii"), 80)[0].startswith("##########..........  50.0 MiB")


@pytest.mark.parametrize("columns", [20, 40, 60, 66, 80, 200])
@pytest.mark.parametrize("done", [0, 1, 99 * MIB, 100 * MIB])
def test_no_line_is_wider_than_the_terminal(columns: int, done: int) -> None:
    active = (("x" * 300 + ".safetensors", 20 * MIB, 60 * MIB),) * 9
    lines = live_lines(Reading(100 * MIB, done, 1.0, active), terminal(), columns)
    assert len(lines) == 5
    assert max(map(len, lines)) <= columns


def test_a_pipe_gets_a_line_now_and_then() -> None:
    stream, now = Stream(), [0.0]
    display = LineDisplay(stream, Terminal(stream, {}), clock=lambda: now[0])
    display.show(HALF)
    assert not stream.getvalue()
    now[0] = LINE_EVERY
    display.show(HALF)
    display.show(HALF)
    display.note("done\x1b[2J")
    display.close()
    assert stream.getvalue().splitlines() == [
        "50.0 MiB of 100.0 MiB (50 %), 5.0 MiB/s, 10 s left: a.safetensors, config.json",
        "done\\x1b[2J",
    ]


def test_the_live_display_leaves_the_terminal_as_it_was() -> None:
    stream = Stream(watched=True)
    display = LiveDisplay(stream, Terminal(stream, {"TERM": "xterm"}))
    display.show(HALF)
    display.note("Something to know [bold]")
    display.close()
    text = stream.getvalue()
    assert "Something to know [bold]" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def test_the_display_fits_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_display(Stream(watched=True)), LineDisplay)
    assert isinstance(open_display(Stream()), LineDisplay)
    assert isinstance(open_display(Stream(watched=True), quiet=True), SilentDisplay)
    monkeypatch.setenv("TERM", "xterm")
    display = open_display(Stream(watched=True))
    assert isinstance(display, LiveDisplay)
    display.close()
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    assert isinstance(open_display(Stream(watched=True)), LineDisplay)


def test_the_meter_counts_what_came_and_what_was_there() -> None:
    now = [0.0]
    meter = Meter(100, 20, clock=lambda: now[0])
    meter.begin("x", 20, 100)
    meter.add("x", 30)
    now[0] = 2.0
    reading = meter.read()
    assert (reading.done, reading.rate, reading.active) == (50, 15.0, (("x", 50, 100),))
    assert reading.seconds_left == pytest.approx(50 / 15)
    meter.take_back("x", 50)  # It begins anew; the bytes came all the same.
    assert (meter.read().done, meter.received) == (0, 30)
    meter.add("x", 100)
    meter.end("x")
    assert (meter.read().done, meter.read().active) == (100, ())


def test_the_rate_is_that_of_the_last_seconds() -> None:
    now = [0.0]
    meter = Meter(10_000, 0, clock=lambda: now[0])
    meter.begin("x", 0, 10_000)
    for _ in range(60):
        now[0] += 1.0
        meter.read()
    meter.add("x", 1000)
    now[0] += 1.0
    assert meter.read().rate == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (125, "2 min 5 s"), (4320, "1 h 12 min"), (90000, "25 h 0 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text

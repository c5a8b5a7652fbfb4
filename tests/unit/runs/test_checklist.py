from __future__ import annotations

import io
import threading
import time
from collections.abc import Mapping

import pytest

from sgl.runs.checklist import Checklist
from sgl.runs.phase import PhaseRecord
from sgl.terminal import Terminal
from tests.screen import Screen

ENGINE = PhaseRecord("engine", "", 0.0, 2.125)
RESOLVE = PhaseRecord("resolve", "LlamaForCausalLM, float32", 0.0, 0.0)
GIB = 2**30


class Tty(io.TextIOWrapper):
    """A terminal that keeps what is written to it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def written(self) -> str:
        """All output."""
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode(self.encoding)


def on(columns: int = 80, encoding: str = "utf-8", environ: Mapping[str, str] | None = None) -> tuple[Checklist, Tty]:
    """A checklist on a terminal."""
    tty = Tty(encoding)
    terminal = Terminal(tty, {"TERM": "xterm", **(environ or {})})
    terminal.columns = columns
    return Checklist(tty, terminal), tty


def loading(done: int, began: float) -> PhaseRecord:
    return PhaseRecord("weights", "", began, None, done, 8 * GIB)


def test_the_steps_as_they_stand_and_those_to_come() -> None:
    checklist, tty = on()
    checklist.show([PhaseRecord("engine", "", time.time())])
    checklist.show([ENGINE, RESOLVE, loading(4 * GIB, time.time() - 4)])
    assert Screen().feed(tty.written).text() == (
        "  ✓ start the engine  2.1 s\n"
        "  ✓ read the model    LlamaForCausalLM, float32  0.0 s\n"
        "  · load weights      ████░░░░   50 %  4.0 of 8.0 GiB    1.0 GiB/s  4 s left\n"
        "    KV pool\n"
        "    warm up"
    )


def test_nothing_is_left_when_it_gives_way() -> None:
    checklist, tty = on()
    checklist.show([ENGINE])
    checklist.erase()
    checklist.show([ENGINE, RESOLVE])
    checklist.fail()
    checklist.stream.write("sgl is ready\n")
    assert Screen().feed(tty.written).text() == "sgl is ready"


def test_a_failure_keeps_what_was_done() -> None:
    checklist, tty = on()
    checklist.show([ENGINE, PhaseRecord("resolve", "", time.time())])
    checklist.fail()
    checklist.fail()
    checklist.stream.write("error: no such model\n")
    assert Screen().feed(tty.written).text() == (
        "  ✓ start the engine  2.1 s\n  ✗ read the model    0.0 s\nerror: no such model"
    )


def test_lines_printed_meanwhile_stand_above() -> None:
    checklist, tty = on()
    checklist.show([ENGINE])
    print("a warning", file=checklist.stream)
    checklist.stream.write("half a ")
    checklist.show([ENGINE, RESOLVE])
    checklist.stream.write("line\nand two\nlines\n")
    checklist.show([ENGINE, RESOLVE, loading(0, time.time())])
    assert Screen().feed(tty.written).text().splitlines()[:5] == [
        "a warning",
        "half a line",
        "and two",
        "lines",
        "  ✓ start the engine  2.1 s",
    ]


def test_an_unfinished_line_is_not_lost() -> None:
    checklist, tty = on()
    checklist.show([ENGINE])
    print("name? ", end="", flush=True, file=checklist.stream)
    assert "name" not in tty.written
    checklist.erase()
    checklist.stream.flush()
    assert Screen().feed(tty.written).text() == "name?"


def test_threads_do_not_tear_it() -> None:
    checklist, tty = on()
    checklist.show([ENGINE])

    def write(number: int) -> None:
        for turn in range(30):
            checklist.stream.write(f"line {number} {turn}\n")
            checklist.show([ENGINE, loading(turn, time.time())])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checklist.erase()
    lines = Screen().feed(tty.written).text().splitlines()
    assert sorted(lines) == sorted(f"line {number} {turn}" for number in range(4) for turn in range(30))


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_no_line_is_too_long(columns: int) -> None:
    checklist, tty = on(columns)
    for done in range(0, 8 * GIB, GIB):
        checklist.show([ENGINE, PhaseRecord("resolve", "x" * 100, 0.0, 1.0), loading(done, time.time() - 1)])
    lines = Screen(columns).feed(tty.written).text().splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) <= columns
    assert columns < 40 or ("87 %  " in lines[2] and "7.0 GiB/s" in lines[2])


def test_without_colours_and_without_unicode() -> None:
    checklist, tty = on(encoding="ascii", environ={"NO_COLOR": "1"})
    checklist.show([ENGINE, PhaseRecord("resolve", "Modèle", 0.0, 0.0), loading(2 * GIB, time.time() - 1)])
    assert "m" not in {sequence[-1] for sequence in tty.written.split("\x1b[")[1:] if sequence[:1].isdigit()}
    screen = Screen().feed(tty.written).text()
    assert screen.splitlines()[:3] == [
        "  [OK] start the engine  2.1 s",
        "  [OK] read the model    Mod?le  0.0 s",
        "  [ ]  load weights       25 %  2.0 of 8.0 GiB    2.0 GiB/s  3 s left",
    ]


def test_colours_where_they_are_wanted() -> None:
    checklist, tty = on()
    checklist.show([ENGINE])
    assert "\x1b[32m✓\x1b[0m" in tty.written


def test_a_name_from_a_file_cannot_drive_the_terminal() -> None:
    checklist, tty = on()
    checklist.show([PhaseRecord("resolve", "\x1b[2J\r\nevil", 0.0, 0.0), PhaseRecord("a\x07b", "", 0.0, 1.0)])
    assert "\\x1b[2J\\x0d\\x0aevil" in Screen().feed(tty.written).text()


def test_what_the_last_start_says_of_this_one() -> None:
    checklist, tty = on()
    checklist.show([ENGINE], time.time() + 12.2)
    assert "about 12 s left, by the last start" in Screen().feed(tty.written).text()
    checklist.show([ENGINE], time.time() - 1)
    assert "last start" not in Screen().feed(tty.written).text()

from __future__ import annotations

from sgl.runs.phase import PhaseRecord
from sgl.runs.phase_lines import PhaseLine, expectation, percent, phase_lines, progress_words

GIB = 2**30
ENGINE = PhaseRecord("engine", "", 90.0, 2.125)


def loading(done: int, began: float) -> PhaseRecord:
    return PhaseRecord("weights", "", began, None, done, 8 * GIB)


def test_nothing_has_begun() -> None:
    lines = phase_lines((), 100.0)
    assert [line.state for line in lines] == ["waiting"] * 5
    assert (lines[0].title, lines[-1]) == ("start the engine", PhaseLine("waiting", "warm up", ""))


def test_the_steps_as_they_stand_and_those_to_come() -> None:
    resolve = PhaseRecord("resolve", "LlamaForCausalLM, float32", 95.0, 0.0)
    assert phase_lines([ENGINE, resolve, loading(4 * GIB, 96.0)], 100.0) == [
        PhaseLine("done", "start the engine", "2.1 s"),
        PhaseLine("done", "read the model", "LlamaForCausalLM, float32  0.0 s"),
        PhaseLine("running", "load weights", "50 %  4.0 of 8.0 GiB  1.0 GiB/s  4 s left"),
        PhaseLine("waiting", "KV pool", ""),
        PhaseLine("waiting", "warm up", ""),
    ]


def test_a_start_that_failed() -> None:
    assert phase_lines([ENGINE, PhaseRecord("resolve", "", 99.0)], 100.0, failed=True) == [
        PhaseLine("done", "start the engine", "2.1 s"),
        PhaseLine("failed", "read the model", "1.0 s"),
    ]


def test_a_name_from_a_file_cannot_drive_the_terminal() -> None:
    (line, *_) = phase_lines([PhaseRecord("a\x07b", "\x1b[2J\nevil", 99.0, 1.0)], 100.0)
    assert line == PhaseLine("done", "a\\x07b", "\\x1b[2J\\x0aevil  1.0 s")


def test_progress_in_words() -> None:
    assert progress_words(loading(2 * GIB, 100.0), 101.0) == "load weights, 25 %, 2.0 GiB/s"
    assert progress_words(PhaseRecord("warm_up", "", 100.0), 101.0) == "warm up"
    assert (percent(0.999), percent(1.0)) == ("99 %", "100 %")


def test_what_the_last_start_says_of_this_one() -> None:
    assert expectation(112.2, 100.0) == "about 12 s left, by the last start"
    assert (expectation(None, 100.0), expectation(100.5, 100.0), expectation(99.0, 100.0)) == ("", "", "")

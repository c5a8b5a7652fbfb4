"""Log lines: one per message, with time and role, whatever the message holds."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from sgl.log import configure, escape


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("sgl")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_a_line_has_time_role_level_and_name(stream: io.StringIO) -> None:
    configure("engine", "info", stream)
    logging.getLogger("sgl.scheduler").info("step %d", 7)
    stamp, rest = stream.getvalue().split(" [", 1)
    assert rest == "engine] info sgl.scheduler: step 7\n"
    assert len(stamp) == len("2026-11-25 16:40:01.123")


def test_text_from_outside_cannot_forge_a_line_or_drive_a_terminal(stream: io.StringIO) -> None:
    configure("http", "info", stream)
    logging.getLogger("sgl.server").warning("model %s", "x\n2026 [http] info\r\x1b]0;title\x07\u2028\u202e\x9b")
    assert stream.getvalue().count("\n") == 1
    assert "x\\x0a2026 [http] info\\x0d\\x1b]0;title\\x07\\u2028\\u202e\\x9b" in stream.getvalue()


def test_a_traceback_is_indented_so_that_it_cannot_pass_for_lines(stream: io.StringIO) -> None:
    configure("http", "info", stream)
    try:
        raise RuntimeError("first\nsecond\x1b[31m")
    except RuntimeError:
        logging.getLogger("sgl.server").exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("error sgl.server: failed")
    assert all(line.startswith("    ") for line in lines[1:])
    assert lines[-1] == "    second\\x1b[31m"


def test_ordinary_text_is_left_alone() -> None:
    assert escape("naïve 日本語 🙂 ~") == "naïve 日本語 🙂 ~"


def test_levels_hold_for_ours_and_others_are_quiet_until_debug(stream: io.StringIO) -> None:
    configure("http", "info", stream)
    logging.getLogger("sgl").debug("no")
    logging.getLogger("uvicorn.error").info("no")
    logging.getLogger("uvicorn.error").warning("yes")
    configure("http", "debug", stream)
    logging.getLogger("sgl").debug("yes")
    logging.getLogger("uvicorn.error").debug("yes")
    assert [line.rsplit(" ", 1)[1] for line in stream.getvalue().splitlines()] == ["yes"] * 3


def test_configuring_twice_does_not_double_lines(stream: io.StringIO) -> None:
    configure("http", "info", stream)
    configure("http", "info", stream)
    logging.getLogger("sgl").info("once")
    assert stream.getvalue().count("once") == 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        configure("http", "loud")

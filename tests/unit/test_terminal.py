"""What a stream can show: the conventions people rely on."""

from __future__ import annotations

import io

import pytest

from sgl.terminal import Terminal, tolerate


class Stream(io.TextIOWrapper):
    """A stream of a given encoding that may claim to be a terminal."""

    def __init__(self, *, tty: bool, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


@pytest.mark.parametrize(
    ("tty", "environ", "color"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),  # no-color.org: only when not empty
        (True, {"TERM": "dumb"}, False),
        (True, {"CLICOLOR": "0"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (False, {"CLICOLOR_FORCE": "1"}, True),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_color(tty: bool, environ: dict[str, str], color: bool) -> None:
    terminal = Terminal(Stream(tty=tty), environ)
    assert terminal.color is color
    assert terminal.style("text", "red") == ("\x1b[31mtext\x1b[0m" if color else "text")


@pytest.mark.parametrize(
    ("tty", "environ", "interactive"),
    [(True, {}, True), (True, {"TERM": "dumb"}, False), (False, {}, False), (True, {"NO_COLOR": "1"}, True)],
)
def test_interactive(tty: bool, environ: dict[str, str], interactive: bool) -> None:
    assert Terminal(Stream(tty=tty), environ).interactive is interactive


def test_styles_add_up_and_empty_text_stays_empty() -> None:
    terminal = Terminal(Stream(tty=True), {})
    assert terminal.style("x", "bold", "green") == "\x1b[1;32mx\x1b[0m"
    assert terminal.style("", "bold") == ""
    assert terminal.style("x") == "x"


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "✓"), ("ascii", "[OK]"), ("iso-8859-1", "[OK]")])
def test_marks_fit_the_encoding(encoding: str, mark: str) -> None:
    assert Terminal(Stream(tty=False, encoding=encoding), {}).mark("ok") == mark


def test_text_is_fitted_to_the_encoding() -> None:
    terminal = Terminal(Stream(tty=False, encoding="iso-8859-1"), {})
    assert terminal.fit("Grüße → 東") == "Grüße ? ?"


def test_a_pipe_has_eighty_columns() -> None:
    assert Terminal(Stream(tty=False), {"COLUMNS": "20"}).columns == 80


def test_a_stream_is_made_to_tolerate_what_it_cannot_write() -> None:
    stream = Stream(tty=False, encoding="ascii")
    tolerate(stream, io.StringIO())
    stream.write("→")
    stream.flush()
    assert stream.buffer.getvalue() == b"?"  # type: ignore[attr-defined]

"""``sgl chat`` on a terminal that takes nothing any more, and that no signal tells of."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from sgl_cli.chat.store.chat_store import open_store
from tests.conftest import ROOT
from tests.fake_openai import Answer, fake_openai, piece

SECONDS: Final = 90.0


def _read(terminal: int, until: Callable[[str], bool]) -> None:
    """Reads what is drawn until some of it is there."""
    drawn, deadline = b"", time.monotonic() + SECONDS
    while not until(drawn.decode(errors="replace")):
        assert time.monotonic() < deadline, drawn[-2000:]
        try:
            drawn += os.read(terminal, 1 << 16)
        except BlockingIOError:
            time.sleep(0.01)


@pytest.mark.parametrize("closed", [True, False])
def test_it_ends_and_keeps_the_answer(tmp_path: Path, closed: bool) -> None:
    terminal, its = pty.openpty()
    os.set_blocking(terminal, False)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "XDG_DATA_HOME": str(tmp_path)}
    with fake_openai() as endpoint:
        endpoint.script = [Answer([*[0.02, piece(content="words and **more** ")] * 3000])]
        command = [sys.executable, "-m", "sgl_cli", "chat", "--url", endpoint.url]
        chat = subprocess.Popen(command, env=environ, stdin=its, stdout=its, stderr=its, start_new_session=True)
        os.close(its)
        try:
            _read(terminal, lambda drawn: f"served at {endpoint.url}" in drawn)
            os.write(terminal, b"Go on\r")
            _read(terminal, lambda drawn: "words" in drawn)
            time.sleep(2.0)  # Nobody reads: the terminal's buffer fills.
            if closed:
                os.close(terminal)
            else:
                chat.send_signal(signal.SIGTERM)
            code = chat.wait(SECONDS)
            assert closed or code == 128 + signal.SIGTERM
        finally:
            chat.kill()
            chat.wait()
            if not closed:
                os.close(terminal)
    with open_store(tmp_path / "sgl" / "chat.db") as store:
        ((title, line),) = [(each.thread.title, each.last_line) for each in store.threads.summaries()]
    assert title == "Go on"
    assert "words and" in line

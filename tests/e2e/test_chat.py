"""``sgl chat`` as a process of its own: with a real server, through pipes, at a terminal, and told to end."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sgl.runs.registry import servers
from tests.conftest import ROOT
from tests.e2e.server_process import gone
from tests.fake_openai import Answer, FakeOpenAI, fake_openai, piece
from tests.screen import Screen

SGL: Final = [sys.executable, "-m", "sgl_cli"]
SECONDS: Final = 90.0
GREETING: Final = "Hello! How can I help you?\n"


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """A home of its own, on a machine where no server of ours runs."""
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SGL_", "OPENAI_"))}
        places = {}
        for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME"):
            places[name] = str(Path(folder) / name[4])
            Path(places[name]).mkdir(mode=0o700)
        yield {**kept, **places, "PYTHONPATH": str(ROOT), "TERM": "xterm"}


@pytest.fixture
def endpoint() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


def sgl(environ: dict[str, str], *words: str, piped: str = "") -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        [*SGL, *words], env=environ, cwd=ROOT, input=piped, capture_output=True, text=True, timeout=SECONDS
    )
    assert "Traceback" not in finished.stderr
    return finished


def begin(environ: dict[str, str], *words: str, **streams: Any) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen([*SGL, *words], env=environ, cwd=ROOT, text=True, **pipes)


def test_a_server_of_its_own_is_started_and_stopped(environ: dict[str, str]) -> None:
    finished = sgl(environ, "chat", "-m", "builtin", "-p", "Hello!", "-o", "temperature=0")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, GREETING, "")
    assert servers(environ) == []


def test_its_start_is_shown_at_a_terminal_and_leaves_nothing_there(environ: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    process = begin(environ, "chat", "-m", "builtin", "-p", "Hello!", "-o", "temperature=0", stderr=follower)
    os.close(follower)
    try:
        shown = until(leader, None).decode()
        out, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    assert (process.returncode, out) == (0, GREETING)
    assert "load weights" in shown
    assert Screen().feed(shown).text() == ""


def test_no_server_can_be_started(environ: dict[str, str]) -> None:
    finished = sgl(environ, "chat", "-m", "./no/such/model", "-p", "Hello!")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr == (
        "error: There is no folder ./no/such/model.\n"
        "  hint: A repository of the Hugging Face Hub is written owner/name.\n"
    )


def test_one_that_is_kept_is_found_and_never_stopped(environ: dict[str, str], tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')
    sgl(environ, "chat", "-m", "builtin", "-p", "Hello!", "--keep")
    try:
        (server,) = servers(environ)
        answer = json.loads(sgl(environ, "chat", "--json", "-o", "temperature=0", piped="Hello!\n").stdout)
        assert answer["url"] == f"{server.url}/v1"
        assert answer["text"] == GREETING.strip()
        assert answer["usage"]["input_tokens"] > 0
        again = json.loads(sgl(environ, "chat", "-c", "-p", "Hello!", "--json", "-m", "builtin").stdout)
        assert again["usage"]["cached_tokens"] > 0
        assert GREETING in talk(environ, "/set temperature=0\nHello!\n")
        refused = sgl(environ, "chat", "-p", "Hello!", "--schema", str(schema))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "error: the server refuses the request: Unsupported parameter: 'response_format'" in refused.stderr
        assert [each.id for each in servers(environ)] == [server.id]
    finally:
        sgl(environ, "stop", "--all")


def talk(environ: dict[str, str], typed: str) -> str:
    """A chat at a terminal: what it shows, with newlines as programs write them."""
    leader, follower = pty.openpty()
    process = begin(environ, "chat", "--plain", stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        for line in [*typed.splitlines(), "\x04"]:
            shown += until(leader, b"> ")
            os.write(leader, line.encode() + (b"" if line == "\x04" else b"\n"))
        shown += until(leader, None)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    return shown.decode().replace("\r\n", "\n")


def until(leader: int, ending: bytes | None) -> bytes:
    """Reads until the prompt, or until the program has closed its terminal."""
    shown = b""
    while ending is None or not shown.endswith(ending):
        assert select.select([leader], [], [], SECONDS)[0], shown
        try:
            piece = os.read(leader, 4096)
        except OSError:  # How Linux says that nobody has the other side open any more.
            piece = b""
        if not piece:
            assert ending is None, shown
            return shown
        shown += piece
    return shown


def test_told_to_end_it_takes_its_server_with_it(environ: dict[str, str]) -> None:
    slow = begin(environ, "chat", "-m", "builtin", "-p", "Tell me a story.", "-o", "ignore_eos=1", "--jsonl")
    assert slow.stdout is not None
    assert json.loads(slow.stdout.readline())["type"] == "begin"
    (server,) = servers(environ)
    slow.send_signal(signal.SIGTERM)
    slow.communicate(timeout=SECONDS)
    assert slow.returncode == 128 + signal.SIGTERM
    assert servers(environ) == []
    assert gone([server.pid])


def test_interrupted_while_its_server_starts(environ: dict[str, str]) -> None:
    starting = begin(environ, "chat", "-m", "builtin", "-p", "Hello!")
    deadline = time.monotonic() + SECONDS
    while not (found := servers(environ)) and time.monotonic() < deadline:
        time.sleep(0.01)
    starting.send_signal(signal.SIGINT)
    out, err = starting.communicate(timeout=SECONDS)
    assert (starting.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert servers(environ) == []
    assert gone([server.pid for server in found])


def test_ctrl_c_keeps_the_part(environ: dict[str, str], endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), *[0.1] * 100, piece("stop")])]
    slow = begin(environ, "chat", "-p", "Hi", "--url", endpoint.url)
    assert slow.stdout is not None
    assert slow.stdout.read(3) == "Hel"
    slow.send_signal(signal.SIGINT)
    out, err = slow.communicate(timeout=SECONDS)
    assert (slow.returncode, out, err) == (130, "\n", "")
    listed = json.loads(sgl(environ, "chat", "--list", "--json").stdout)
    assert (listed[0]["title"], listed[0]["last_line"]) == ("Hi", "Hel")


def test_ctrl_c_at_a_terminal_stops_the_answer_only(environ: dict[str, str], endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), *[0.1] * 100, piece("stop")])]
    leader, follower = pty.openpty()
    words = ("chat", "--plain", "-n", "--url", endpoint.url)
    process = begin(environ, *words, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    try:
        until(leader, b"> ")
        os.write(leader, b"Hi\n")
        until(leader, b"Hel")
        process.send_signal(signal.SIGINT)
        assert b"(stopped; what had come is kept)" in until(leader, b"> ")
        os.write(leader, b"/quit\n")
        until(leader, None)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def test_killed_while_it_streams_it_loses_nothing_shown(environ: dict[str, str], endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), *[0.1] * 100, piece("stop")])]
    slow = begin(environ, "chat", "-p", "Killed", "--url", endpoint.url)
    assert slow.stdout is not None
    assert slow.stdout.read(3) == "Hel"
    time.sleep(1.0)  # What is promised to be kept is a second old.
    slow.kill()
    slow.communicate(timeout=SECONDS)
    listed = json.loads(sgl(environ, "chat", "--list", "--json").stdout)
    assert (listed[0]["title"], listed[0]["last_line"]) == ("Killed", "Hel")


def test_a_reader_that_goes_away(environ: dict[str, str], endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([*[piece(content="line\n"), 0.02] * 200, piece("stop")])]
    command = f"{sys.executable} -m sgl_cli chat -p Hi --url {endpoint.url} | head -1"
    finished = subprocess.run(
        ["sh", "-c", command], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )
    assert (finished.stdout, finished.stderr) == ("line\n", "")

"""``sgl chat`` on the whole screen of a real terminal, tmux's: with a real server, killed, and left."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from sgl.runs.registry import servers
from sgl_cli.chat.store.chat_store import open_store
from tests.conftest import ROOT
from tests.e2e.server_process import READY, ServerProcess, gone, starting
from tests.fake_openai import Answer, FakeOpenAI, fake_openai, piece, said
from tests.processes import is_alive

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

SECONDS: Final = 90.0
PROMPT: Final = "ready> "
COLUMNS, ROWS = 100, 30


class Terminal:
    """A terminal with a shell in it.

    Attributes:
        environ: The shell's variables.
        data: Where chats are kept.
    """

    def __init__(self, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SGL_", "OPENAI_", "TMUX"))}
        places = {}
        for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "TMUX_TMPDIR"):
            places[name] = str(folder / name[4:6])
            Path(places[name]).mkdir(mode=0o700)
        self.environ = {**kept, **places, "PYTHONPATH": str(ROOT), "HOME": str(folder), "ENV": ""}
        self.environ.pop("NO_COLOR", None)
        self.data = Path(places["XDG_DATA_HOME"]) / "sgl" / "chat.db"
        self._pid_file = folder / "pid"
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        self.tmux("-f", os.devnull, "new-session", "-d", "-s", "test", *size, "-c", str(ROOT), "sh")

    def open(self) -> None:
        """Waits for the shell."""
        self.wait(lambda: self.text().strip())  # The prompt of that shell, whatever it is.
        self.type(f"PS1='{PROMPT}'")
        self.press("Enter")
        self.see(f"\n{PROMPT.strip()}")

    def tmux(self, *words: str) -> str:
        """One command of tmux."""
        command = ["tmux", "-L", "sgl-test", *words]
        finished = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=SECONDS)
        return finished.stdout

    def close(self) -> None:
        """Ends the terminal."""
        self.tmux("kill-server")

    def type(self, text: str) -> None:
        """Types letters."""
        self.tmux("send-keys", "-t", "test", "-l", text)

    def press(self, *keys: str) -> None:
        """Presses keys, as tmux names them."""
        self.tmux("send-keys", "-t", "test", *keys)

    def chat(self, *words: str, first_frame: bool = True) -> None:
        """Starts a chat and waits for its first frame; the shell says its exit code when it has ended."""
        command = shlex.join([sys.executable, "-m", "sgl_cli", "chat", *words])
        self._pid_file.unlink(missing_ok=True)
        script = f"echo $$ >{shlex.quote(str(self._pid_file))}; exec {command}"
        self.type(f'clear; sh -c {shlex.quote(script)}; echo "it ended with $?"')
        self.press("Enter")
        if first_frame:
            self.see("^p palette")  # Keys typed before would go to the shell.

    def become_chat(self, *words: str) -> None:
        """Puts a chat in the place of the shell, and waits for its first frame."""
        command = shlex.join([sys.executable, "-m", "sgl_cli", "chat", *words])
        self.type(f"clear; echo $$ >{shlex.quote(str(self._pid_file))}; exec {command}")
        self.press("Enter")
        self.see("^p palette")

    @property
    def pid(self) -> int:
        """The chat's process."""
        self.wait(lambda: self._pid_file.exists() and self._pid_file.read_text().strip())
        return int(self._pid_file.read_text())

    def text(self) -> str:
        """What is on the screen."""
        return self.tmux("capture-pane", "-p", "-t", "test")

    def state(self) -> str:
        """Whether the alternate screen is on, the cursor is visible, and the mouse is caught."""
        return self.tmux("display", "-p", "-t", "test", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").strip()

    def wait(self, so: Callable[[], object]) -> None:
        """Waits until something is so."""
        deadline = time.monotonic() + SECONDS
        while not so():
            assert time.monotonic() < deadline, f"this never came to be; the screen:\n{self.text()}"
            time.sleep(0.03)

    def see(self, words: str) -> None:
        """Waits until words are on the screen."""
        self.wait(lambda: words in self.text())

    def ended(self, code: int) -> None:
        """Waits for the end of the chat; the terminal must be as it was."""
        self.see(f"it ended with {code}")
        assert "Traceback" not in self.text()
        self.wait(lambda: self.state() == "0 1 0")
        self.type('echo "lines off: $(stty -a | grep -cwe -echo -e -icanon)"')
        self.press("Enter")
        self.see("lines off: 0")

    def last_lines(self) -> list[tuple[str, str]]:
        """Title and last line of every chat that is kept."""
        with open_store(self.data) as store:
            return [(each.thread.title, each.last_line) for each in store.threads.summaries()]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory(prefix="tm", ignore_cleanup_errors=True) as folder:
        opened = Terminal(Path(folder))
        try:
            opened.open()
            yield opened
        finally:
            opened.close()


@pytest.fixture
def endpoint() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server of the built-in model."""
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        command = ["-m", "sgl_cli", "serve", "-m", "builtin", "--port", "0"]
        with starting(command, Path(folder)) as running:
            running.until(READY)
            yield running


def test_a_chat_with_a_real_server(terminal: Terminal, server: ServerProcess) -> None:
    terminal.chat("--url", server.url, "-o", "temperature=0")
    terminal.see("Ask something, or / for commands")
    terminal.see(server.url)
    assert terminal.state().startswith("1 ")
    terminal.type("Hello!")
    terminal.see("Hello!")
    terminal.press("Enter")
    terminal.see("How can I help you?")
    terminal.see("tok/s")
    assert "TTFT" in terminal.text()
    terminal.press("C-d")
    terminal.ended(0)
    assert terminal.last_lines() == [("Hello!", "Hello! How can I help you?")]


def test_esc_stops_a_real_answer(terminal: Terminal, server: ServerProcess) -> None:
    terminal.chat("--url", server.url, "-o", "ignore_eos=1", "-o", "max_tokens=900")
    terminal.see(server.url)
    terminal.type("Tell me a story.")
    terminal.press("Enter")
    terminal.see("tok/s")
    terminal.press("Escape")
    terminal.see("stopped")
    terminal.press("C-c")
    terminal.see("Ctrl+C again quits")
    terminal.press("C-c")
    terminal.ended(0)
    ((title, last_line),) = terminal.last_lines()
    assert title == "Tell me a story."
    assert last_line


def test_it_goes_on_with_the_last_chat(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("First answer."), said("Second answer.")]
    for words, answer in (((), "First answer."), (("-c",), "Second answer.")):
        terminal.chat("--url", endpoint.url, *words)
        terminal.see(endpoint.url)
        terminal.type("More?")
        terminal.press("Enter")
        terminal.see(answer)
        terminal.press("C-q")
        terminal.ended(0)
    assert [each["content"] for each in endpoint.requests[1]["messages"]] == ["More?", "First answer.", "More?"]
    assert terminal.last_lines() == [("More?", "Second answer.")]


def stream_a_part(
    begin: Callable[..., None], terminal: Terminal, endpoint: FakeOpenAI, question: str = "Go on"
) -> None:
    """Opens a chat and asks; a part of the answer is on the screen, and the rest takes a minute."""
    endpoint.script = [Answer([piece(content="A part of it"), *[0.1] * 600, piece("stop")])]
    begin("--url", endpoint.url)
    terminal.see(endpoint.url)
    terminal.type(question)
    terminal.press("Enter")
    terminal.see("A part of it")


def test_killed_while_it_streams_it_loses_nothing_shown(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    stream_a_part(terminal.chat, terminal, endpoint, "Killed")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.see(f"it ended with {128 + signal.SIGKILL}")
    assert terminal.last_lines() == [("Killed", "A part of it")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_leaves_the_terminal_as_it_was(
    terminal: Terminal, endpoint: FakeOpenAI, number: signal.Signals
) -> None:
    stream_a_part(terminal.chat, terminal, endpoint)
    os.kill(terminal.pid, number)
    terminal.ended(128 + number)
    assert endpoint.left.wait(SECONDS)
    assert terminal.last_lines() == [("Go on", "A part of it")]


def test_the_terminal_is_closed(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    stream_a_part(terminal.chat, terminal, endpoint)
    pid = terminal.pid
    terminal.tmux("kill-session", "-t", "test")
    terminal.wait(lambda: not is_alive(pid))
    assert endpoint.left.wait(SECONDS)
    assert terminal.last_lines() == [("Go on", "A part of it")]


def test_the_terminal_of_a_chat_without_a_shell_is_closed(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    """As when a desktop's icon opens it: the chat is the one whom the kernel tells, with two signals."""
    stream_a_part(terminal.become_chat, terminal, endpoint)
    pid = terminal.pid
    terminal.tmux("kill-session", "-t", "test")
    terminal.wait(lambda: not is_alive(pid))
    assert endpoint.left.wait(SECONDS)
    assert terminal.last_lines() == [("Go on", "A part of it")]


@pytest.mark.parametrize("ready", [True, False])
def test_a_server_of_its_own_is_stopped_when_the_terminal_is_closed(terminal: Terminal, ready: bool) -> None:
    terminal.chat("-m", "builtin")
    terminal.see("starting a server")
    terminal.wait(lambda: servers(terminal.environ))
    (server,) = servers(terminal.environ)
    if ready:
        terminal.see("builtin at http")  # The head says so of a model that can be asked.
    pid = terminal.pid
    terminal.tmux("kill-session", "-t", "test")
    terminal.wait(lambda: not is_alive(pid))
    terminal.wait(lambda: not servers(terminal.environ))
    assert gone([server.pid])


def test_slash_quit(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    terminal.chat("--url", endpoint.url)
    terminal.see(endpoint.url)
    terminal.type("/quit")
    terminal.press("Enter")
    terminal.ended(0)


def test_a_server_of_its_own_is_started_and_stopped(terminal: Terminal) -> None:
    terminal.chat("-m", "builtin", "-o", "temperature=0")
    terminal.see("starting a server")
    terminal.type("Hello!")
    terminal.press("Enter")  # Asked before there is anybody to answer.
    terminal.see("How can I help you?")
    (server,) = servers(terminal.environ)
    terminal.press("C-q")
    terminal.ended(0)
    assert servers(terminal.environ) == []
    assert gone([server.pid])


def test_an_interrupted_start_leaves_no_server(terminal: Terminal) -> None:
    terminal.chat("-m", "builtin")
    terminal.see("starting a server")
    terminal.wait(lambda: servers(terminal.environ))
    (server,) = servers(terminal.environ)
    terminal.press("C-q")
    terminal.ended(0)
    assert servers(terminal.environ) == []
    assert gone([server.pid])


def test_the_terminal_changes_its_size(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("An answer of some words that need more than one line of a small terminal.")]
    terminal.chat("--url", endpoint.url)
    terminal.see(endpoint.url)
    terminal.type("Words?")
    terminal.press("Enter")
    terminal.see("small terminal.")
    terminal.tmux("resize-window", "-t", "test", "-x", "60", "-y", "20")
    terminal.wait(lambda: max(map(len, terminal.text().splitlines())) <= 60 and "small terminal" in terminal.text())
    terminal.see("│ Ask something")
    terminal.press("C-q")
    terminal.ended(0)


def test_asked_right_after_the_first_frame(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("At once.")]
    terminal.chat("--url", endpoint.url, first_frame=False)
    terminal.see("sk something")
    terminal.type("Hurry!")
    terminal.press("Enter")
    terminal.see("At once.")
    terminal.see("1 out")
    terminal.press("C-q")
    terminal.ended(0)
    assert terminal.last_lines() == [("Hurry!", "At once.")]


def test_typed_as_soon_as_the_screen_is_there(terminal: Terminal, endpoint: FakeOpenAI) -> None:
    terminal.chat("--url", endpoint.url, first_frame=False)
    terminal.wait(lambda: terminal.state().startswith("1 "))
    terminal.type("abcdefgh")
    terminal.see("│ abcdefgh ")
    terminal.press("C-q")
    terminal.ended(0)

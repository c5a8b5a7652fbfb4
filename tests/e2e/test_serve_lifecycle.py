"""Whole servers: starting, being told to stop, losing the engine. Each test is processes and signals only."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sgl.server.listen import bind
from tests.asgi import parse_events
from tests.e2e.server_process import ServerProcess, error_of, fake_command, gone, starting

LONG = {"text": "Once upon a time", "sampling_params": {"max_new_tokens": 400}}
"""About a second of the fake engine's time."""


@pytest.fixture
def runtime_folder() -> Iterator[Path]:
    """A short $XDG_RUNTIME_DIR that must be empty in the end: no socket is left."""
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        yield Path(folder)
        assert list(Path(folder).iterdir()) == []


@pytest.fixture
def server(stories260k: Path, runtime_folder: Path) -> Iterator[ServerProcess]:
    """A ready server; no child of it may be left in the end."""
    with ready(stories260k, runtime_folder) as process:
        yield process


@contextmanager
def ready(tokenizer: Path, runtime_folder: Path, **fields: Any) -> Iterator[ServerProcess]:
    """Starts a server and waits for its ready card."""
    with starting(fake_command(tokenizer, **fields), runtime_folder) as process:
        process.until("curl ")
        children = process.children()
        yield process
        assert gone(children), children


class Background:
    """A request in a thread of its own."""

    def __init__(self, url: str, body: dict[str, Any]) -> None:
        self.answer: httpx.Response | None = None
        self._url = url
        self._body = body
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def result(self) -> httpx.Response:
        """Waits for the answer."""
        self._thread.join(30)
        assert self.answer is not None
        return self.answer

    def _run(self) -> None:
        self.answer = httpx.post(self._url, json=self._body, timeout=30)


def begin(server: ServerProcess, body: dict[str, Any]) -> Background:
    """Sends a request and waits until the server works on it."""
    background = Background(f"{server.url}/generate", body)
    deadline = time.monotonic() + 10
    while 'sgl:num_requests_in_flight{model_name="stories260k"} 1.0' not in httpx.get(f"{server.url}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return background


# -- the start -------------------------------------------------------------------------------------


def test_ready_card_says_how_to_use_the_server(server: ServerProcess) -> None:
    assert "model     stories260k (LlamaForCausalLM, float32 on cpu)" in server.output
    assert "context   512 tokens" in server.output
    assert "KV cache  4096 tokens, enough for 8 requests at full context" in server.output
    assert f"curl {server.url}/v1/chat/completions" in server.output
    assert "loading weights" in server.output
    assert "warning" not in server.output
    for path in ("/health", "/livez", "/readyz", "/health_generate", "/v1/models"):
        assert httpx.get(server.url + path).status_code == 200
    server.signal(signal.SIGTERM)
    assert server.exit_code() == 0


def test_open_door_is_warned_of(stories260k: Path, runtime_folder: Path) -> None:
    with ready(stories260k, runtime_folder, host="0.0.0.0") as server:
        assert server.output.startswith("warning: listening on 0.0.0.0 without a key")
        assert "--api-key" in server.output
        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{server.url}/health").status_code == 200
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0


def test_key_is_asked_for_and_shown_nowhere(stories260k: Path, runtime_folder: Path) -> None:
    with ready(stories260k, runtime_folder, host="0.0.0.0", api_keys=("s3cret",)) as server:
        assert "warning" not in server.output
        assert error_of(httpx.get(f"{server.url}/server_info")) == (401, "invalid_api_key")
        info = httpx.get(f"{server.url}/server_info", headers={"authorization": "Bearer s3cret"})
        assert info.status_code == 200
        assert "s3cret" not in info.text
        assert "s3cret" not in server.output
        assert '-H "Authorization: Bearer $SGL_API_KEY"' in server.output
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0


def test_taken_port_ends_the_start_before_anything_is_loaded(stories260k: Path, runtime_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with starting(fake_command(stories260k, port=port), runtime_folder) as server:
            assert server.exit_code() == 1
    assert server.output.count("\n") == 1
    assert server.output.startswith(f"error: port {port} is in use by another program; --port ")
    assert "loading" not in server.output


def test_failed_start_is_one_line_and_leaves_nothing(stories260k: Path, runtime_folder: Path) -> None:
    with starting(fake_command(stories260k, "refuses"), runtime_folder) as server:
        assert server.exit_code() == 2
    assert server.output.endswith("error: model.safetensors is truncated\n  hint: download it again\n")
    assert "Traceback" not in server.output


def test_bad_tokenizer_ends_the_engine_too(tmp_path: Path, runtime_folder: Path) -> None:
    with starting(fake_command(tmp_path, "takes-for-ever"), runtime_folder) as server:
        assert server.exit_code() == 2
    assert str(tmp_path) in server.output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_starting_ends_it(
    number: signal.Signals, code: int, stories260k: Path, runtime_folder: Path
) -> None:
    with starting(fake_command(stories260k, "takes-for-ever"), runtime_folder) as server:
        server.until("loading weights")
        engine = server.engine()
        server.signal(number)
        assert server.exit_code() == code
        assert gone([engine])
    assert "Traceback" not in server.output


# -- being told to stop ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_lets_running_requests_finish(number: signal.Signals, server: ServerProcess) -> None:
    running = begin(server, {**LONG, "stream": True})
    server.signal(number)
    server.until("stopping: requests still running: 1; they have 30 s to finish")
    assert error_of(httpx.post(f"{server.url}/generate", json=LONG)) == (503, "draining")
    assert error_of(httpx.get(f"{server.url}/health")) == (503, "draining")
    assert httpx.get(f"{server.url}/livez").status_code == 200
    *chunks, done = parse_events(running.result().content)
    assert chunks[-1]["meta_info"]["finish_reason"] == {"type": "length", "length": 400}
    assert done == "[DONE]"
    assert server.exit_code() == 0
    assert "Traceback" not in server.output


def test_requests_that_take_too_long_are_cut_short(stories260k: Path, runtime_folder: Path) -> None:
    with ready(stories260k, runtime_folder, drain_timeout=0.1) as server:
        running = begin(server, LONG)
        server.signal(signal.SIGTERM)
        assert running.result().json()["meta_info"]["finish_reason"]["type"] == "abort"
        assert server.exit_code() == 75
        assert "requests cut short after 0.1 s: 1" in server.output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_second_signal_ends_at_once(number: signal.Signals, code: int, server: ServerProcess) -> None:
    running = begin(server, {**LONG, "stream": True})
    server.signal(number)
    server.until("stopping: ")
    began = time.monotonic()
    server.signal(number)
    assert server.exit_code() == code
    assert time.monotonic() - began < 3
    assert running.result().content.endswith(b"data: [DONE]\n\n")
    assert "Traceback" not in server.output


def test_idle_connection_does_not_hold_up_the_end(server: ServerProcess) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))), httpx.Client() as kept_alive:
        kept_alive.get(f"{server.url}/health")
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
        assert time.monotonic() - began < 3


# -- losing a process ------------------------------------------------------------------------------


def test_dead_engine_fails_every_request_and_ends_the_server(server: ServerProcess) -> None:
    whole = begin(server, LONG)
    body = {"model": "stories260k", "prompt": "a", "stream": True, "max_tokens": 400}
    with httpx.stream("POST", f"{server.url}/v1/completions", json=body, timeout=30) as streamed:
        pieces = streamed.iter_raw()
        events = next(pieces)
        os.kill(server.engine(), signal.SIGKILL)
        events += b"".join(pieces)
    assert error_of(whole.result()) == (503, "engine_dead")
    *_, error, done = parse_events(events)
    assert (error["error"]["code"], done) == ("engine_dead", "[DONE]")
    assert server.exit_code() == 70
    assert "The engine process is gone (killed by SIGKILL" in server.output
    assert "Traceback" not in server.output


def test_killed_server_takes_its_engine_along(stories260k: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="rt") as folder, ready(stories260k, Path(folder)) as server:
        children = server.children()
        server.signal(signal.SIGKILL)
        server.exit_code()
        assert gone(children, 1.0)


# -- the real engine -------------------------------------------------------------------------------


def test_http_process_stays_small_and_free_of_torch(stories260k: Path, runtime_folder: Path) -> None:
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    command = ["-m", "sgl.launcher", "-m", str(stories260k), "--port", str(port)]
    with starting(command, runtime_folder) as server:
        server.until("curl ")
        sampling = {"temperature": 0, "max_new_tokens": 200}
        prompts = [f"Once upon a time there was a {word}" for word in ("cat", "dog", "bird", "fish") * 4]
        answers = httpx.post(f"{server.url}/generate", json={"text": prompts, "sampling_params": sampling}, timeout=60)
        assert [answer["text"] for answer in answers.json()[:4]] == [answer["text"] for answer in answers.json()[4:8]]
        assert resident_megabytes(server.pid) < 150
        mapped = Path(f"/proc/{server.pid}/maps").read_text()
        for library in ("torch", "transformers", "numpy"):
            assert f"/{library}/" not in mapped
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0


def resident_megabytes(pid: int) -> float:
    """Memory of a process that is in RAM."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024

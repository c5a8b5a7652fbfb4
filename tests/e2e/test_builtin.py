"""`sgl serve` without a model: the demonstration model answers, stops by itself, and remembers the prefix."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

import sgl
from tests.conftest import ROOT
from tests.e2e.server_process import ServerProcess, starting

FIRST_TOKEN_SECONDS = 0.3
START_SECONDS = 10.0


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with (
        tempfile.TemporaryDirectory(prefix="rt") as folder,
        starting(["-m", "sgl.launcher", "--port", "0"], Path(folder)) as process,
    ):
        process.until("curl ", seconds=60)
        yield process


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        yield client


def ask(client: openai.OpenAI, *messages: str, **fields: Any) -> Any:
    """The answer to a conversation in which the user speaks first."""
    roles = ("user", "assistant")
    turns: Any = [{"role": roles[n % 2], "content": text} for n, text in enumerate(messages)]
    return client.chat.completions.create(model="builtin", messages=turns, temperature=0, **fields)


def test_it_is_served_under_its_own_name(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["builtin"]


def test_a_greeting_is_answered_and_ends(client: openai.OpenAI) -> None:
    (choice,) = ask(client, "Hello!").choices
    assert choice.message.content == "Hello! How can I help you?"
    assert choice.finish_reason == "stop"


def test_it_says_what_it_is(client: openai.OpenAI) -> None:
    assert "demonstration model" in ask(client, "Who are you?").choices[0].message.content


def test_the_second_turn_reuses_the_first(client: openai.OpenAI) -> None:
    question = "What is the capital of France?"
    first = ask(client, question)
    answer = first.choices[0].message.content
    assert answer == "The capital of France is Paris."
    second = ask(client, question, answer, "And Italy?")
    assert second.choices[0].message.content == "The capital of Italy is Rome."
    # All of the first turn that fills whole pages: prompt and answer.
    assert second.usage.prompt_tokens_details.cached_tokens >= first.usage.prompt_tokens


@pytest.mark.alone
def test_a_stream_starts_at_once_and_a_story_comes_to_its_end(client: openai.OpenAI) -> None:
    ask(client, "Hello!", max_tokens=1)
    began = time.monotonic()
    chunks = ask(client, "Tell me a story about a fox.", stream=True)
    texts, first, reason = [], None, None
    for chunk in chunks:
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.monotonic() - began
            texts.append(chunk.choices[0].delta.content)
        reason = chunk.choices[0].finish_reason if chunk.choices else reason
    assert first is not None
    assert first < FIRST_TOKEN_SECONDS
    assert "fox" in "".join(texts)
    assert "".join(texts).endswith("The end.")
    assert reason == "stop"


def test_a_stop_string_ends_the_answer_before_it(client: openai.OpenAI) -> None:
    (whole,) = ask(client, "What is the capital of Japan?").choices
    assert whole.message.content == "The capital of Japan is Tokyo."
    (cut,) = ask(client, "What is the capital of Japan?", stop=[" is To"]).choices
    assert cut.message.content == "The capital of Japan"
    assert cut.finish_reason == "stop"


def test_a_completion_tells_on(server: ServerProcess) -> None:
    body = {"text": "Once upon a time", "sampling_params": {"temperature": 0, "max_new_tokens": 300}}
    answer = httpx.post(f"{server.url}/generate", json=body, timeout=60).json()
    assert answer["text"].endswith("The end.")
    assert answer["meta_info"]["finish_reason"]["type"] == "stop"


def test_no_hint_is_written_where_nobody_reads_it(server: ServerProcess) -> None:
    assert "demonstration" not in server.output


@pytest.mark.alone
def test_on_a_terminal_one_line_says_what_it_is_and_how_to_serve_another(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(tmp_path)}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "sgl.launcher", "--port", "0"], cwd=ROOT, env=environment, stderr=terminal
    )
    os.close(terminal)
    shown = b""
    try:
        while b"curl " not in shown:
            shown += os.read(master, 4096)
        assert time.monotonic() - began < START_SECONDS
    finally:
        process.terminate()
        process.wait(30)
        os.close(master)
    first = shown.decode().splitlines()[0]
    assert first.startswith("note: this is the small demonstration model of sgl")
    assert first.count("Qwen/") == 3


def test_the_offline_engine_has_it_as_well() -> None:
    with sgl.Engine() as engine:
        prompt = "<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n<|im_start|>assistant\n"
        answer = engine.generate(prompt, {"temperature": 0, "max_new_tokens": 32})
    assert isinstance(answer, dict)
    assert answer["text"] == "3 + 4 = 7."

"""The whole product with a real model: `sgl serve` of stories260k against transformers and official clients."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import openai
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.e2e.server_process import ServerProcess, starting

STARTS: Final = (
    "Once upon a time",
    "One day, a little boy named Tim",
    "Lily and her mom went to the park.",
    "The big dog was very sad because",
)
LENGTH: Final = 48


@pytest.fixture(scope="module")
def server(stories260k: Path) -> Iterator[ServerProcess]:
    command = ["-m", "sgl.launcher", "--model", str(stories260k), "--port", "0"]
    with (
        tempfile.TemporaryDirectory(prefix="rt") as folder,
        starting(command, Path(folder)) as process,
    ):
        process.until("curl ", seconds=120)
        yield process


@pytest.fixture(scope="module")
def told(stories260k: Path) -> dict[str, list[int]]:
    """What transformers' `generate` says, as token ids."""
    tokenizer = AutoTokenizer.from_pretrained(stories260k)
    model = AutoModelForCausalLM.from_pretrained(stories260k)
    answers: dict[str, list[int]] = {}
    for start in STARTS:
        ids = tokenizer(start, return_tensors="pt")
        with torch.no_grad():
            whole = model.generate(**ids, max_new_tokens=LENGTH, do_sample=False)
        answers[start] = whole[0, ids["input_ids"].shape[1] :].tolist()
    return answers


@pytest.fixture(scope="module")
def texts(stories260k: Path, told: dict[str, list[int]]) -> dict[str, str]:
    """The same as text; the end token leaves none."""
    tokenizer = AutoTokenizer.from_pretrained(stories260k)
    return {
        start: tokenizer.decode(tokenizer(start)["input_ids"] + ids, skip_special_tokens=True)[
            len(tokenizer.decode(tokenizer(start)["input_ids"], skip_special_tokens=True)) :
        ]
        for start, ids in told.items()
    }


def generate(server: ServerProcess, start: str, **fields: Any) -> dict[str, Any]:
    body = {"text": start, "sampling_params": {"temperature": 0, "max_new_tokens": LENGTH}, **fields}
    response = httpx.post(f"{server.url}/generate", json=body, timeout=60)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def test_the_story_is_transformers_story_token_for_token(server: ServerProcess, told: dict[str, list[int]]) -> None:
    for start, ids in told.items():
        assert generate(server, start)["output_ids"] == ids
        assert generate(server, start)["output_ids"] == ids, "cached"


def test_many_clients_get_the_answers_of_one(server: ServerProcess, texts: dict[str, str]) -> None:
    async def ask_all() -> list[tuple[str, str]]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:

            async def ask(start: str, stream: bool) -> tuple[str, str]:
                fields: dict[str, Any] = {"model": "default", "prompt": start, "max_tokens": LENGTH, "temperature": 0}
                if not stream:
                    return start, (await client.completions.create(**fields)).choices[0].text
                chunks = await client.completions.create(**fields, stream=True)
                return start, "".join([chunk.choices[0].text async for chunk in chunks])

            return await asyncio.gather(*(ask(STARTS[index % 4], index % 3 == 0) for index in range(48)))

    for start, text in asyncio.run(ask_all()):
        assert text == texts[start]


def test_chat_streams_what_it_answers_whole(server: ServerProcess) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        fields: dict[str, Any] = {
            "model": "stories260k",
            "messages": [{"role": "user", "content": "Once upon a time"}],
            "max_tokens": LENGTH,
            "temperature": 0.7,
            "seed": 5,
        }
        whole = client.chat.completions.create(**fields)
        chunks = list(client.chat.completions.create(**fields, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_a_stop_string_ends_the_story_before_it(server: ServerProcess, texts: dict[str, str]) -> None:
    story = texts[STARTS[0]]
    stop = story[20:27]
    answer = generate(server, STARTS[0], sampling_params={"temperature": 0, "max_new_tokens": LENGTH, "stop": [stop]})
    assert answer["text"] == story[: story.index(stop)]
    assert answer["meta_info"]["finish_reason"] == {"type": "stop", "matched": stop}


def test_a_client_that_leaves_frees_its_pages(server: ServerProcess) -> None:
    assert httpx.post(f"{server.url}/flush_cache", timeout=30).status_code == 200
    host, port = "127.0.0.1", int(server.url.rsplit(":", 1)[1])
    body = b'{"text": "Once", "stream": true, "sampling_params": {"max_new_tokens": 500, "ignore_eos": true}}'
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection((host, port)) as connection:
        connection.sendall(head % len(body) + body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    deadline = time.monotonic() + 10
    while _gauge(server, "sgl:num_requests_running") > 0:
        assert time.monotonic() < deadline
    assert _gauge(server, "sgl:kv_tokens_used") == 0
    assert httpx.post(f"{server.url}/flush_cache", timeout=30).status_code == 200


def test_the_http_process_is_small_and_free_of_torch(server: ServerProcess) -> None:
    generate(server, STARTS[0])
    status = Path(f"/proc/{server.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    assert resident < 150 * 1024, "kB"
    assert "libtorch" not in Path(f"/proc/{server.pid}/maps").read_text()


def _gauge(server: ServerProcess, name: str) -> float:
    """A metric's value once the engine has answered a probe, which /server_info asks for."""
    httpx.get(f"{server.url}/server_info", timeout=30)
    lines = httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))

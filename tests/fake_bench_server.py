"""A server of language models with known delays, in a process of its own; it tells afterwards what it really did.

It speaks OpenAI's completions and chats and SGLang's ``/generate``, waits as it is told, fails as often as it is told,
and notes with its own clock when it wrote what: on Linux that clock is one with the clock of every other process.
Standard library only: it starts in a moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FAULTS = ("busy", "broken", "stream_error", "cut", "stall", "garbage")


@dataclass(frozen=True)
class Behaviour:
    """What the server does. Shares are of requests, 0..1; which ones is drawn with `seed`, by arrival.

    Attributes:
        ttft: Seconds to the first chunk; with `ttft_spread`, uniformly up to that share more or less.
        per_token: Seconds for every further token, with `per_token_spread`.
        tokens_per_chunk: Tokens in a chunk.
        usage: Counts of tokens: "none", "final", or "continuous" where they are asked for.
        busy: Share that is refused with 429 and Retry-After.
        broken: Share that is answered with 500.
        stream_error: Share that ends with an error object in the middle.
        cut: Share whose connection ends in the middle.
        stall: Share that falls silent in the middle.
        garbage: Share whose stream holds what is no JSON.
        short: Share of answers that end at half their length with "stop".
        slots: Requests at a time; others wait in a queue. 0 for any number.
        refuses: Words in a request's body that are refused with 400, by name.
        key: The key it asks for; empty for none.
        closes: Whether it closes the connection after each answer.
        unframed: Whether the end of the connection is the end of an answer.
        role_chunk: Whether a chat begins with a chunk without text.
        incremental: Whether /generate sends pieces and not the whole so far.
        cached: Share of a prompt that came from the cache.
        ready_after: Seconds for which all is answered with 503.
        seed: Of all draws.
    """

    ttft: float = 0.02
    ttft_spread: float = 0.0
    per_token: float = 0.002
    per_token_spread: float = 0.0
    tokens_per_chunk: int = 1
    usage: str = "continuous"
    busy: float = 0.0
    broken: float = 0.0
    stream_error: float = 0.0
    cut: float = 0.0
    stall: float = 0.0
    garbage: float = 0.0
    short: float = 0.0
    slots: int = 0
    refuses: tuple[str, ...] = ()
    key: str = ""
    closes: bool = False
    unframed: bool = False
    role_chunk: bool = True
    incremental: bool = False
    cached: float = 0.0
    ready_after: float = 0.0
    seed: int = 0


class FakeServer:
    """A running server, as a test sees it.

    Attributes:
        url: Base address of its OpenAI API.
        root: Without the API.
    """

    def __init__(self, port: int, key: str = "") -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"
        self._key = key

    def truth(self) -> list[dict[str, Any]]:
        """Of every request by arrival: its ``rid``, fault, tokens, and when it came, was written to, and ended."""
        found: list[dict[str, Any]] = self._get("/truth")
        return found

    def counts(self) -> dict[str, Any]:
        """How many connections, flushes and requests there were, and the last bodies."""
        found: dict[str, Any] = self._get("/counts")
        return found

    def _get(self, path: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.root}{path}", timeout=30) as answer:
            return json.load(answer)


@contextmanager
def fake_bench_server(behaviour: Behaviour | None = None, **fields: Any) -> Iterator[FakeServer]:
    """Runs a server; ``fields`` are those of `Behaviour`."""
    behaviour = behaviour or Behaviour(**fields)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_bench_server", json.dumps(asdict(behaviour))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield FakeServer(int(process.stdout.readline()), behaviour.key)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class Server:
    """The server itself."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.draw = random.Random(behaviour.seed)
        self.truth: list[dict[str, Any]] = []
        self.connections = 0
        self.flushes = 0
        self.bodies: list[Any] = []
        self.running = 0
        self.began = perf_counter()
        self.slots = asyncio.Semaphore(behaviour.slots) if behaviour.slots else None
        self.times = {"queue": [0.0, 0], "prefill": [0.0, 0], "decode": [0.0, 0]}

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self.exchange(reader, writer) and not self.behaviour.closes:
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection may go on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        came = perf_counter()
        path = target.partition("?")[0]
        if path in ("/truth", "/counts"):
            return self.page(writer, 200, self.truth if path == "/truth" else self.counted())
        if came - self.began < self.behaviour.ready_after:
            return self.page(writer, 503, {"error": {"message": "loading the model"}})
        if self.behaviour.key and headers.get("authorization") != f"Bearer {self.behaviour.key}":
            return self.page(writer, 401, {"error": {"message": "Incorrect API key."}})
        if method == "GET" or path in ("/flush_cache", "/reset_prefix_cache"):
            return self.plain(writer, path)
        if path not in ("/v1/completions", "/v1/chat/completions", "/generate"):
            return self.page(writer, 404, {"detail": "Not Found"})
        return await self.generate(writer, path, json.loads(body), body.decode(), came)

    def plain(self, writer: asyncio.StreamWriter, path: str) -> bool:
        if path == "/flush_cache":
            self.flushes += 1
            return self.page(writer, 200, "Cache flushed.\n")
        pages: dict[str, Any] = {
            "/v1/models": {"data": [{"id": "fake", "owned_by": "sgl", "max_model_len": 4096}]},
            "/server_info": {"version": "1.2.3", "api_key": "very-secret", "context_length": 4096, "vocab_size": 512},
            "/metrics": self.metrics(),
        }
        if path not in pages:
            return self.page(writer, 404, {"detail": "Not Found"})
        return self.page(writer, 200, pages[path])

    def metrics(self) -> str:
        names = (("queue", "queue"), ("prefill", "prefill"), ("decode", "decode"))
        lines = [f'sgl:kv_cache_usage_perc{{model="fake"}} {min(1.0, self.running / 100)}']
        for name, key in names:
            seconds, count = self.times[key]
            lines += [
                f'sgl:request_{name}_time_seconds_bucket{{model="fake",le="+Inf"}} {count}',
                f'sgl:request_{name}_time_seconds_sum{{model="fake"}} {seconds}',
                f'sgl:request_{name}_time_seconds_count{{model="fake"}} {count}',
            ]
        done = [each for each in self.truth if not each["fault"]]
        lines.append(f'sgl:generation_tokens_total{{model="fake"}} {sum(each["tokens"] for each in done)}')
        return "# HELP a comment\n" + "\n".join(lines) + "\n"

    def counted(self) -> dict[str, Any]:
        return {
            "connections": self.connections,
            "flushes": self.flushes,
            "requests": len(self.truth),
            "bodies": self.bodies[-64:],
        }

    def page(self, writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str] | None = None) -> bool:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        kind = "text/plain" if isinstance(body, str) else "application/json"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n"
        writer.write(head.encode() + data)
        return True

    async def generate(
        self, writer: asyncio.StreamWriter, path: str, body: dict[str, Any], text: str, came: float
    ) -> bool:
        behaviour = self.behaviour
        self.bodies.append(body)
        for word in behaviour.refuses:
            if f'"{word}"' in text:
                return self.page(writer, 400, {"error": {"message": f"Unrecognized request argument: {word}"}})
        fault = self.fault()
        plan = _Plan(behaviour, self.draw, path, body, fault)
        truth: dict[str, Any] = {"rid": body.get("rid"), "fault": fault, "tokens": 0, "came": came, "end": came}
        truth |= {"chunks": [], "counts": []}
        self.truth.append(truth)
        if fault == "busy":
            return self.page(writer, 429, {"error": {"message": "too many requests"}}, {"Retry-After": "2"})
        if fault == "broken":
            return self.page(writer, 500, {"error": {"message": "CUDA out of memory"}})
        if self.slots is not None:
            await self.slots.acquire()
        self.running += 1
        begin = perf_counter()
        try:
            if not body.get("stream"):
                await asyncio.sleep(plan.due(plan.tokens))
                truth["tokens"] = plan.tokens
                return self.page(writer, 200, plan.whole())
            return await self.stream(writer, plan, truth, begin)
        finally:
            truth["end"] = perf_counter()
            self.running -= 1
            if self.slots is not None:
                self.slots.release()
            first = truth["chunks"][0] if truth["chunks"] else truth["end"]
            for name, spent in (("queue", begin - came), ("prefill", first - begin), ("decode", truth["end"] - first)):
                self.times[name][0] += spent
                self.times[name][1] += 1

    async def stream(self, writer: asyncio.StreamWriter, plan: _Plan, truth: dict[str, Any], begin: float) -> bool:
        unframed = self.behaviour.unframed
        framing = "Connection: close" if unframed else "Transfer-Encoding: chunked"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n\r\n".encode()

        def write(content: bytes) -> None:
            writer.write(content if unframed else b"%x\r\n%s\r\n" % (len(content), content))

        if plan.chat and self.behaviour.role_chunk:
            writer.write(head)
            head = b""
            write(plan.event({"delta": {"role": "assistant", "content": ""}}, 0, None))
        done = 0
        while done < plan.tokens:
            step = min(self.behaviour.tokens_per_chunk, plan.tokens - done)
            done += step
            wait = begin + plan.due(done) - perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            if plan.fault_at is not None and done > plan.fault_at:
                if plan.fault == "stall":
                    await asyncio.sleep(3600)
                if plan.fault == "stream_error":
                    write(b'data: {"error": {"message": "the engine died", "code": 500}}\n\n')
                    break
                if plan.fault == "garbage":
                    write(b'data: {"choices": 17}\n\n')
                    break
                writer.transport.abort()
                return False
            now = perf_counter()
            if head:
                writer.write(head)
                head = b""
            write(plan.text_event(done, step))
            truth["chunks"].append(now)
            truth["counts"].append(done)
            truth["tokens"] = done
        ending = plan.ending(done)
        write(ending + b"data: [DONE]\n\n")
        if not unframed:
            writer.write(b"0\r\n\r\n")
        return not unframed

    def fault(self) -> str:
        """Drawn once for every request, whatever the behaviour, so that a seed says the same for all of them."""
        place = self.draw.random()
        for name in FAULTS:
            place -= getattr(self.behaviour, name)
            if place < 0:
                return name
        return ""


class _Plan:
    """One answer to be."""

    def __init__(self, behaviour: Behaviour, draw: random.Random, path: str, body: dict[str, Any], fault: str) -> None:
        sampling = body.get("sampling_params") or {}
        self.chat = path.endswith("chat/completions")
        self.native = path == "/generate"
        asked = body.get("max_tokens") or body.get("max_completion_tokens") or sampling.get("max_new_tokens") or 16
        prompt = body.get("prompt", body.get("input_ids", body.get("text", body.get("messages"))))
        self.prompt_tokens = len(prompt) if isinstance(prompt, list) else len(str(prompt).split())
        is_short = draw.random() < behaviour.short
        self.tokens = max(1, asked // 2) if is_short else asked
        self.reason = "stop" if is_short else "length"
        self.fault = fault
        self.fault_at = self.tokens // 2 if fault in ("stream_error", "cut", "stall", "garbage") else None
        options = body.get("stream_options") or {}
        self.final = behaviour.usage != "none" and bool(options.get("include_usage"))
        self.continuous = behaviour.usage == "continuous" and bool(options.get("continuous_usage_stats"))
        self.cached = int(behaviour.cached * self.prompt_tokens)
        self.incremental = behaviour.incremental
        spread = behaviour.ttft_spread
        self._ttft = behaviour.ttft * (1 + spread * (2 * draw.random() - 1))
        spread = behaviour.per_token_spread
        self._per_token = behaviour.per_token * (1 + spread * (2 * draw.random() - 1))
        self._per_chunk = behaviour.tokens_per_chunk

    def due(self, done: int) -> float:
        """When the chunk that ends with token ``done`` is due: the first at the TTFT."""
        return self._ttft + self._per_token * max(0, done - self._per_chunk)

    def text_event(self, done: int, step: int) -> bytes:
        if self.native:
            return self._native(done, step, None)
        text = "".join(f" w{number}" for number in range(done - step, done))
        return self.event({"delta": {"content": text}} if self.chat else {"text": text}, done, None)

    def event(self, choice: dict[str, Any], done: int, reason: str | None) -> bytes:
        usage = {"usage": self.usage(done)} if self.continuous else {}
        chunk = {"id": "x", "model": "fake", "choices": [{"index": 0, **choice, "finish_reason": reason}], **usage}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def usage(self, done: int) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": done,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }

    def ending(self, done: int) -> bytes:
        if self.fault:
            return b""
        if self.native:
            return self._native(done, 0, {"type": self.reason, "length": done})
        events = self.event({"delta": {}} if self.chat else {"text": ""}, done, self.reason)
        if self.final:
            events += b"data: " + json.dumps({"choices": [], "usage": self.usage(done)}).encode() + b"\n\n"
        return events

    def whole(self) -> dict[str, Any]:
        text = "".join(f" w{number}" for number in range(self.tokens))
        if self.native:
            return {"text": text, "meta_info": self._meta(self.tokens, {"type": self.reason})}
        message = {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}
        choice = {"index": 0, **message, "finish_reason": self.reason}
        return {"choices": [choice], "usage": self.usage(self.tokens)}

    def _native(self, done: int, step: int, finish: dict[str, Any] | None) -> bytes:
        first = done - step if self.incremental else 0
        text = "".join(f" w{number}" for number in range(first, done))
        chunk = {"text": text, "output_ids": list(range(first, done)), "meta_info": self._meta(done, finish)}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def _meta(self, done: int, finish: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "id": "x",
            "finish_reason": finish,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": done,
            "cached_tokens": self.cached,
            **({"e2e_latency": 0.5, "queue_time": 0.25} if finish else {}),
        }


async def _serve(behaviour: Behaviour) -> None:
    """Serves until standard input ends."""
    server = Server(behaviour)
    listener = await asyncio.start_server(server.connection, "127.0.0.1", 0, backlog=4096)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # Streams that stall are not waited for.


if __name__ == "__main__":
    values = json.loads(sys.argv[1])
    asyncio.run(_serve(Behaviour(**{**values, "refuses": tuple(values["refuses"])})))

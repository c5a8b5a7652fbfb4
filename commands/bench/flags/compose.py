"""Foreign flags that are read together, as ours: address, load and files. Prompts are in `datasets`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sgl.errors import UsageError, echo

from .datasets import dataset
from .parts import Parts
from .program import Program

_APIS: Final[Mapping[str, str]] = {
    "sglang": "generate",
    "sglang-native": "generate",
    "sglang-oai": "completions",
    "sglang-oai-chat": "chat",
    "vllm": "completions",
    "vllm-chat": "chat",
    "openai": "completions",
    "openai-chat": "chat",
    "lmdeploy": "completions",
    "lmdeploy-chat": "chat",
    "llama.cpp": "completions",
    "scalellm": "completions",
}
_ENDPOINTS: Final[Mapping[str, str]] = {
    "/v1/completions": "completions",
    "/v1/chat/completions": "chat",
    "/generate": "generate",
}
_PORTS: Final[Mapping[str, str]] = {"sglang": "30000", "lmdeploy": "23333"}
_ANY_ADDRESS: Final = ("0.0.0.0", "::", "[::]")


def compose(parts: Parts) -> tuple[list[str], list[str]]:
    """Our words for all parts, and notes.

    Raises:
        UsageError: Something of it cannot be done.
    """
    notes: list[str] = []
    words = [*_target(parts, notes), *_load(parts, notes), *dataset(parts, notes), *_files(parts, notes)]
    return words, notes


def _target(parts: Parts, notes: list[str]) -> list[str]:
    words: list[str] = []
    url = _url(parts)
    if url is not None:
        words += ["--url", url]
    model = parts.get("--served-model-name") or parts.get("--model")
    if model is not None:
        words += ["--model", model]
    backend, endpoint = parts.get("--backend"), parts.get("--endpoint")
    if backend is not None and backend not in _APIS:
        raise UsageError(f"--backend {echo(backend)} is not spoken here", hint=f"these are: {', '.join(_APIS)}")
    api = _ENDPOINTS.get(endpoint or "") or _APIS.get(backend or "") or parts.by_default(_own_api(parts.program))
    if parts.has("--apply-chat-template") and api != "chat":
        notes.append("--apply-chat-template: the server applies it, so prompts are sent as a chat")
        api = "chat"
    if api is not None:
        words += ["--api", api]
    if endpoint is not None and endpoint not in _ENDPOINTS:
        words += ["--path", endpoint]
    timeout = parts.get("--ready-check-timeout-sec")
    if timeout not in (None, "0"):
        words += ["--ready-timeout", f"{timeout}s"]
    return words


def _own_api(program: Program) -> str:
    return "generate" if program == "sglang" else "completions"


def _url(parts: Parts) -> str | None:
    """The address; None leaves it to the search for a running server."""
    base, host, port = parts.get("--base-url"), parts.get("--host"), parts.get("--port")
    if base is not None or (host is None and port is None):
        return base
    if host is not None and "://" in host:
        return host
    backend = parts.get("--backend") or parts.program
    usual = next((number for name, number in _PORTS.items() if backend.startswith(name)), "8000")
    name = "127.0.0.1" if host is None or host in _ANY_ADDRESS else host
    shown = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"http://{shown}:{port or usual}"


def _load(parts: Parts, notes: list[str]) -> list[str]:
    """``--request-rate`` and ``--max-concurrency`` are one thing there and two here: open loop and closed loop."""
    rate, bound = parts.get("--request-rate"), parts.get("--max-concurrency")
    burstiness = parts.get("--burstiness")
    words = ["--concurrency", bound] if bound is not None else []
    words += ["--flush-cache"] if parts.has("--flush-cache") else []
    warmup = parts.get("--warmup-requests") or parts.by_default("1" if parts.program == "sglang" else "0")
    words += ["--warmup", warmup] if warmup is not None else []
    if _own_times(parts):
        if rate is not None and not _is_infinite(rate):
            notes.append("--request-rate is not used: the trace has its own times")
        return [*words, "--rate", "trace"]
    if parts.has("--ramp-up-strategy"):
        start, end = parts.get("--ramp-up-start-rps"), parts.get("--ramp-up-end-rps")
        if start is None or end is None:
            raise UsageError("--ramp-up-strategy needs --ramp-up-start-rps and --ramp-up-end-rps")
        return [*words, "--ramp", f"{parts.get('--ramp-up-strategy')}:{start}-{end}"]
    if rate is not None and not _is_infinite(rate):
        return [*words, "--rate", rate, *(["--burstiness", burstiness] if burstiness not in (None, "1", "1.0") else [])]
    if rate is None and burstiness is not None and not parts.whole:
        return [*words, "--burstiness", burstiness]  # Our own flag, beside a --rate of ours.
    if bound is None and (rate is not None or parts.whole):
        notes.append("without --max-concurrency or a rate everything is sent at once (--rate inf)")
        return [*words, "--rate", "inf"]
    return words


def _own_times(parts: Parts) -> bool:
    """Whether requests go out at the times of a trace."""
    name = parts.get("--dataset-name")
    if parts.has("--no-self-timed"):
        return False
    if parts.has("--use-trace-timestamps") or parts.has("--self-timed"):
        return True
    return name == "timed_trace" or (name == "mooncake" and parts.get("--backend", "sglang") == "sglang")


def _is_infinite(rate: str) -> bool:
    return rate.strip().lower() in ("inf", "infinity", "+inf")


def _files(parts: Parts, notes: list[str]) -> list[str]:
    folder, name = parts.get("--result-dir"), parts.get("--result-filename")
    path = parts.get("--output-file")
    if parts.has("--save-result") or parts.has("--append-result"):
        path = "/".join(part for part in ((folder or "").rstrip("/"), name) if part) or "."
    elif folder is not None or name is not None:
        notes.append("--result-dir and --result-filename do nothing without --save-result")
    if parts.has("--append-result") or parts.has("--output-file"):
        notes.append("a result file holds one run and is written anew: it is not appended to")
    if path is None:
        return []
    details = parts.has("--save-detailed") or parts.has("--output-details")
    return ["--save", path, *(["--details"] if details else [])]

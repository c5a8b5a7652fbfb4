"""Which program a pasted line is for: vLLM's bench or SGLang's, which mean different things by some flags."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Final, Literal, NamedTuple, TypeAlias

from sgl.errors import UsageError

Program: TypeAlias = Literal["vllm", "sglang"]

_MODULES: Final[Mapping[str, Program]] = {
    "sglang.bench_serving": "sglang",
    "sglang.benchmark.serving": "sglang",
    "vllm.benchmarks.serve": "vllm",
}
_SCRIPTS: Final[Mapping[str, Program]] = {
    "bench_serving.py": "sglang",
    "benchmark_serving.py": "vllm",
}
_OTHERS: Final[Mapping[str, str]] = {
    "latency": "sgl bench one-batch",
    "throughput": "sgl bench offline",
    "startup": "sgl bench startup",
    "sglang.bench_offline_throughput": "sgl bench offline",
    "sglang.benchmark.offline_throughput": "sgl bench offline",
    "sglang.bench_one_batch": "sgl bench one-batch",
    "sglang.benchmark.one_batch": "sgl bench one-batch",
}
"""Other benchmarks of the two, and which of ours measures the same."""

_SGLANG_SIGNS: Final = (
    *("--warmup-requests", "--disable-ignore-eos", "--output-file", "--output-details", "--extra-request-body"),
    *("--apply-chat-template", "--disable-stream", "--tokenize-prompt", "--sharegpt-context-len", "--mooncake-"),
    *("--gsp-", "--flush-cache-timeout", "--use-trace-timestamps", "--cache-report"),
)
_SGLANG_DATASETS: Final = ("random-ids", "generated-shared-prefix", "openai", "mooncake")


class Pasted(NamedTuple):
    """The flags of a line, and the program that was named before them, if one was."""

    words: list[str]
    program: Program | None


def strip_program(words: Sequence[str]) -> Pasted:
    """Takes ``vllm bench serve`` or ``python -m sglang.bench_serving`` off the front, and what a shell left over.

    Raises:
        UsageError: It is another benchmark of theirs; the hint names ours.
    """
    rest = shlex.split(words[0]) if len(words) == 1 and " " in words[0] else list(words)
    rest = [word for word in rest if word.strip() not in ("", "\\")]
    begin = 0
    while begin < len(rest) and (_is_assignment(rest[begin]) or rest[begin] in ("time", "uv", "run", "$")):
        begin += 1
    line = rest[begin:]
    name = PurePath(line[0]).name if line and not line[0].startswith("-") else ""
    if name == "vllm" and line[1:2] == ["bench"]:
        if line[2:3] != ["serve"]:
            raise _other(f"vllm bench {' '.join(line[2:3])}".strip(), line[2:3])
        return Pasted(line[3:], "vllm")
    if name.startswith("python") and line[1:2] == ["-m"]:
        if line[2:3] and line[2] in _MODULES:
            return Pasted(line[3:], _MODULES[line[2]])
        raise _other(f"python -m {' '.join(line[2:3])}".strip(), line[2:3])
    script = line[1:] if name.startswith("python") else line
    if script and PurePath(script[0]).name in _SCRIPTS:
        return Pasted(script[1:], _SCRIPTS[PurePath(script[0]).name])
    return Pasted(rest, None)


def guess(given: Mapping[str, Sequence[str]], names: Collection[str]) -> Program:
    """Whose flags these are, when no program was named: SGLang's where something is only SGLang's, else vLLM's."""
    backend = (given.get("--backend") or ("",))[-1]
    dataset = (given.get("--dataset-name") or ("",))[-1]
    if backend.startswith("sglang") or backend == "vllm-chat" or dataset in _SGLANG_DATASETS:
        return "sglang"
    return "sglang" if any(name.startswith(_SGLANG_SIGNS) for name in names) else "vllm"


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _other(line: str, key: Sequence[str]) -> UsageError:
    ours = _OTHERS.get(key[0]) if key else None
    shown = line if line.isprintable() else "this program"
    hint = f"what it measures is here: {ours}" if ours else "write the flags of sgl bench: sgl bench --help"
    return UsageError(f"{shown} is not a benchmark of a server", hint=hint)

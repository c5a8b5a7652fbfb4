"""The HTTP process and the command line never import torch, and the fast answers import next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.source import modules

TORCH_FREE: Final = {
    *("_version", "errors", "env", "log", "registry", "exits", "launcher", "builtin", "terminal", "cgroup", "columns"),
    "gpu",
    *("config", "protocol", "plan", "ipc", "hub", "tokenizer", "runs", "runtime", "server", "preview", "doctor"),
}
HEAVY: Final = ("torch", "transformers", "triton")
SLOW: Final = (
    *("torch", "transformers", "numpy", "typer", "rich", "textual", "pydantic", "msgspec"),
    *("huggingface_hub", "starlette", "uvicorn", "httpx", "openai", "asyncio", "zmq"),
)


def imported(program: str, *arguments: str) -> set[str]:
    """Runs ``program`` in a fresh interpreter and returns the names in its sys.modules."""
    ending = "\nimport sys\nprint('\\n' + ' '.join(sys.modules))"
    finished = subprocess.run(
        [sys.executable, "-c", program + ending, *arguments], capture_output=True, text=True, check=True, timeout=120
    )
    return set(finished.stdout.splitlines()[-1].split())


def test_the_http_side_never_imports_torch() -> None:
    names = [
        module.name
        for module in modules()
        if module.name == "sgl"
        or module.name.split(".")[0] == "sgl_cli"
        or module.name.partition(".")[2].split(".")[0] in TORCH_FREE
    ]
    loaded = imported("\n".join(f"import {name}" for name in names))
    guilty = loaded & set(HEAVY)
    if guilty:  # Say which module it was; only a failure pays for the search.
        guilty = {name for name in names if imported(f"import {name}") & set(HEAVY)}
    assert not guilty


def test_importing_sgl_imports_nothing_else() -> None:
    assert not imported("import sgl") & set(SLOW)


@pytest.mark.parametrize(
    "words",
    [
        *([], ["--help"], ["--version"], ["serv"], ["bench", "--help"]),
        *(["serve", "--help"], ["serve", "--help-all"], ["serve", "--help", "kv"], ["serve", "-m", "x", "--help"]),
    ],
)
def test_fast_answers_import_only_the_standard_library(words: list[str]) -> None:
    loaded = imported("import sys, sgl_cli.main\nsgl_cli.main.main(sys.argv[1:])", *words)
    assert not loaded & set(SLOW)


@pytest.mark.parametrize("words", [["serve", "--prot", "1"], ["serve", "-m", "x", "--tp", "two"]])
def test_a_wrong_flag_is_answered_without_the_server(words: list[str]) -> None:
    loaded = imported("import sys, sgl_cli.main\nsgl_cli.main.main(sys.argv[1:])", *words)
    assert not loaded & {*HEAVY, "pydantic", "rich", "starlette", "uvicorn", "tokenizers", "asyncio"}


@pytest.mark.parametrize("words", [[], ["--json"], ["--config", "settings.yaml"], ["-m", "no/such", "--tp", "2"]])
def test_a_dry_run_imports_neither_engine_nor_server(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("port: 0")
    program = (
        f"import os, sys, sgl_cli.main\nos.chdir({str(tmp_path)!r})\nos.environ['HF_HUB_OFFLINE'] = '1'\n"
        "sgl_cli.main.main(sys.argv[1:])"
    )
    loaded = imported(program, "serve", "--dry-run", *words)
    assert "sgl.preview.build" in loaded
    assert not loaded & {*HEAVY, "numpy", "starlette", "uvicorn", "tokenizers", "huggingface_hub", "httpx", "zmq"}

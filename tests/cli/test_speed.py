"""What is asked most often is answered at once: help, the version, and a slip of the fingers (U1, U2, U4)."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

import pytest

from sgl_cli.pages import FOLDER
from sgl_cli.table import COMMANDS

SECONDS: Final = 0.15
"""Bound for a machine that is quiet; about 0.05 is usual."""
STANDARD_LIBRARY_ONLY: Final = {
    *("torch", "transformers", "numpy", "typer", "rich", "textual", "pydantic", "msgspec", "click", "yaml"),
    *("huggingface_hub", "starlette", "uvicorn", "httpx", "openai", "asyncio", "zmq", "importlib.metadata"),
}

PAGES: Final = [path.stem.split("-") for path in sorted(FOLDER.glob("*.txt"))]
HELP: Final = [
    *([], ["--help"], ["-h"], ["help"], ["--version"], ["serve", "--help"], ["help", "serve"]),
    *([*words, "--help"] for words in PAGES),
]
MISTAKES: Final = [
    ["serv"],
    ["run", "x"],
    ["Qwen/Qwen3-0.6B"],
    ["-m", "x"],
    ["--foo"],
    ["banch"],
    ["serve", "serve", "x"],
]


def test_every_command_has_a_page() -> None:
    assert {words[0] for words in PAGES} == {command.name for command in COMMANDS if not command.page}


@pytest.mark.parametrize("words", [*HELP, *MISTAKES], ids=" ".join)
def test_only_the_standard_library_is_imported(words: list[str]) -> None:
    program = "import sys\nfrom sgl_cli.main import main\nmain(sys.argv[1:])\nprint('\\n' + ' '.join(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    loaded = set(finished.stdout.splitlines()[-1].split())
    assert not loaded & STANDARD_LIBRARY_ONLY
    # Of ours, nothing but what is needed: no table of flags for a page that has none.
    if words[:1] != ["serve"] and words != ["help", "serve"]:
        assert "sgl.config" not in loaded


@pytest.mark.alone
@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["serve", "--help"], ["doctor", "--help"], ["serv"]], ids=" ".join
)
def test_an_answer_is_there_at_once(words: list[str], scaled_seconds: float) -> None:
    def once() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "sgl_cli", *words], capture_output=True, timeout=60)
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < SECONDS * scaled_seconds


def test_a_wrong_flag_costs_typer_and_no_more() -> None:
    program = "import sys\nfrom sgl_cli.main import main\nmain(sys.argv[1:])\nprint('\\n' + ' '.join(sys.modules))"
    for words in (["ps", "--jsno"], ["stop", "--al"], ["logs", "--follwo"], ["completion", "--x"]):
        finished = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60)
        assert finished.stderr.startswith("error: unknown flag")
        loaded = set(finished.stdout.splitlines()[-1].split())
        assert not loaded & {"torch", "transformers", "numpy", "rich", "textual", "huggingface_hub", "uvicorn", "httpx"}

"""``sgl doctor serve`` as people call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sgl.device import DeviceInfo
from sgl.doctor import fit
from sgl.doctor.model import config
from sgl.doctor.recorded import RecordedMachine
from sgl.preview import build
from sgl_cli import doctor_serve
from sgl_cli.main import main
from tests.doctor.parts import ordinary

GIB = 2**30
SERVER = DeviceInfo("cpu", 16, 64 * GIB, 48 * GIB, frozenset({"avx2", "avx512f"}))

BUILTIN = """\
model
  ✓ found          the demonstration model that comes with sgl
  ✓ architecture   LlamaForCausalLM, which this version serves
  ✓ config values  2.76 M parameters, 6 layers, 6 heads on 2 KV heads of 32,
                   context 1024
  ✓ weight files   all there, headers sane: 56 tensors, 5.3 MiB
  ✓ weight types   2.76 M F16
  ✓ tensors        names and shapes are those that config.json asks for
  ✓ tokenizer      loads, 2048 ids
  ✓ chat template  renders 'Hello' to 9 tokens
  ✓ end tokens     <|im_end|> (2), <|endoftext|> (0)

flags
  ✓ port           30000 is free
  ✓ command        sgl serve -m builtin

fit
  ✓ planned for    this machine's CPU
  ✓ memory         it fits: weights 12.0 MiB, KV cache 192.0 MiB for 65536
                   tokens, 47.4 GiB left

  Memory of CPU, 16 cores (48.0 GiB of 64.0 GiB free now):

    █▓▒▚▚░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░

    █ weights       12.0 MiB  1.5 MiB of it for packing
    ▓ KV cache     192.0 MiB  65536 tokens, 3072 bytes each
    ▒ activations    6.1 MiB  estimated, of one step
    ▚ runtime      384.1 MiB  estimated, of Python and its libraries
    ░ free          47.4 GiB

    longest request 1024 tokens: 64 at once

13 ok: it will start
"""

REFUSED = """\
flags
  ✓ port              30000 is free
  ✗ --tp              2 is not in this version: a model runs on one device
                      (SGL701)
                      → leave it out
  ✗ --kv-cache-dtype  fp8_e5m2 is not in this version: the KV cache has the type
                      of --dtype, or is fp8_e4m3 or int8 (SGL701)
                      → leave it out
  ✗ --max-model-len   32000 is beyond the 512 positions that this model has
                      (SGL703)
                      → --max-model-len 512
  ✓ heads             8 heads and 4 KV heads share out among 2 ranks
  ✗ command           3 settings keep it from starting; without, it reads:
                      (SGL709)
                      → sgl serve -m stories260k

"""


class _Context:
    """A recorded machine where a live one is opened."""

    def __init__(self, machine: RecordedMachine) -> None:
        self._machine = machine

    def __enter__(self) -> RecordedMachine:
        return self._machine

    def __exit__(self, *error: object) -> None:
        pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs ``sgl`` on an ordinary server: (exit code, stdout, stderr)."""
    machine = RecordedMachine(replace(ordinary(), environ={}))
    monkeypatch.setattr(doctor_serve, "LiveMachine", lambda: _Context(machine))
    for module in (build, fit, config):
        monkeypatch.setattr(module, "probe_cpu", lambda: SERVER)

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["doctor", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_built_in_model(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("serve", "-m", "builtin") == (0, BUILTIN, "")


def test_the_type_of_the_kv_cache_is_shown(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("serve", "-m", "builtin", "--kv-cache-dtype", "int8")
    assert (code, err) == (0, "")
    assert "KV cache int8 54.0 MiB" in " ".join(out.split())
    assert "65536 tokens, 864 bytes each in int8" in out


@pytest.mark.parametrize("words", [["-m", "builtin"], ["--model=builtin"], ["--model-path", "builtin"]])
def test_serve_may_be_left_out_before_a_flag_of_it(run: Callable[..., tuple[int, str, str]], words: list[str]) -> None:
    code, out, _ = run(*words)
    assert code == 0
    assert "sgl serve" in out


def test_flags_that_are_refused(
    run: Callable[..., tuple[int, str, str]], stories260k: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stories260k.parent)
    words = ["--tp", "2", "--kv-cache-dtype", "fp8_e5m2", "--max-model-len", "32k"]
    code, out, err = run("serve", "-m", stories260k.name, *words)
    assert code == 3
    assert not err
    assert REFUSED in out
    assert out.endswith("4 errors, 13 ok: it will not start as it is: see ✗\n")


def test_json_is_one_document(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("serve", "--json", "-m", "builtin", "--max-model-len", "256")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["verdict"] == "ok"
    assert document["memory"]["max_request_tokens"] == 256
    assert document["memory"]["available_bytes"] == 48 * GIB
    assert document["changes"] == []


def test_strict_and_verbose(run: Callable[..., tuple[int, str, str]]) -> None:
    words = ["serve", "-m", "builtin", "--enable-mixed-chunk"]
    assert run(*words)[0] == 0
    assert run(*words, "--strict")[0] == 3
    assert "(SGL709)" in run(*words, "-v")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pagesize", "4"], "error: unknown flag --pagesize\n  hint: did you mean --page-size?"),
        (["--tp", "two"], "error: --tp expects an integer"),
        (["--assume-gpu", "80"], "error: --assume-gpu expects the memory of a GPU, e.g. 80Gi"),
    ],
)
def test_wrong_usage(run: Callable[..., tuple[int, str, str]], words: list[str], said: str) -> None:
    code, out, err = run("serve", "-m", "builtin", *words)
    assert code == 2
    assert not out
    assert said in err


def test_lines_fit_and_plain_terminals_get_ascii() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "sgl_cli", "doctor", "serve", "-m", "builtin", "--tp", "8"]
    done = subprocess.run(command, env=environ, capture_output=True, check=False, timeout=60)
    assert done.returncode == 3
    assert done.stderr == b""
    text = done.stdout.decode("ascii")
    assert "[X]  --tp" in text
    assert "?" not in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_torch_is_not_imported() -> None:
    program = (
        "import sys, sgl_cli.main\nsgl_cli.main.main(['doctor', 'serve', '--json'])\n"
        "print([name for name in ('torch', 'transformers', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("}\n[]\n")

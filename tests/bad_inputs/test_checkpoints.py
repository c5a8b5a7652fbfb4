"""``sgl serve -m FOLDER`` of a folder that cannot be served: exit 2, one line that names file and tensor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sgl import builtin
from tests.bad_inputs.checkpoints import DAMAGES
from tests.zoo.families import FAMILIES, make_checkpoint

SECONDS = 120


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, subprocess.CompletedProcess[str]]:
    """How each start ended; a few run at once."""
    good = tmp_path_factory.mktemp("good")
    make_checkpoint(FAMILIES[0], good)
    (good / "tokenizer.json").write_bytes((Path(builtin.__file__).parent / "tokenizer.json").read_bytes())

    def start(name: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path_factory.mktemp("wrong") / "model"
        shutil.copytree(good, folder)
        DAMAGES[name].do(folder)
        command = [sys.executable, "-m", "sgl_cli", "serve", "-m", str(folder), "--port", "0", "--threads", "1"]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        return dict(zip(DAMAGES, pool.map(start, DAMAGES), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_exit_2_and_one_line(starts: Mapping[str, subprocess.CompletedProcess[str]], name: str) -> None:
    ended = starts[name]
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert ended.returncode == 2, ended.stderr
    assert len(errors) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    for part in DAMAGES[name].says:
        assert part in errors[0]

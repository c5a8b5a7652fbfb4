"""``sgl serve -m FOLDER`` of a folder that cannot be served: exit 2, one line that names file and tensor.

A start takes seconds, most of them for importing. So the command itself is run for one folder that the server refuses
and for one that its engine refuses, which shows that both ends are told alike. The others go the same way in this
process: the same arguments, the same look at the folder, the same engine, the same words on standard error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from sgl import builtin
from sgl.config.arguments import read_serve
from sgl.exits import run
from sgl.hub.resolve import check_folder, resolve_model
from sgl.scheduler.build import build_scheduler
from sgl.scheduler.io import ListIO
from tests.bad_inputs.checkpoints import DAMAGES
from tests.zoo.families import FAMILIES, make_checkpoint

SECONDS: Final = 120
FLAGS: Final = ("--port", "0", "--threads", "1")
BY_THE_SERVER: Final = "missing shard"
BY_THE_ENGINE: Final = "NaN weight"

Damaged = Callable[[str], Path]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that can be served."""
    folder = tmp_path_factory.mktemp("good")
    make_checkpoint(FAMILIES[0], folder)
    (folder / "tokenizer.json").write_bytes((Path(builtin.__file__).parent / "tokenizer.json").read_bytes())
    return folder


@pytest.fixture
def damaged(good: Path, tmp_path: Path) -> Damaged:
    """Makes a copy of it that cannot."""

    def make(name: str) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(good, folder)
        DAMAGES[name].do(folder)
        return folder

    return make


def start_here(folder: Path) -> int:
    """What ``sgl serve`` does until its engine is ready, without a second process; returns the exit code."""

    def start() -> int:
        config = read_serve(["-m", str(folder), *FLAGS], os.environ).config.engine
        check_folder(resolve_model(config.model_path))
        build_scheduler(config, ListIO(), lambda phase: None)
        return 0

    return run(start)


def check(name: str, code: int, out: str, err: str) -> None:
    """One line with all that it has to say, and nothing else."""
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2, err
    assert len(errors) == 1, err
    assert "Traceback" not in err
    assert out == ""
    for part in DAMAGES[name].says:
        assert part in errors[0]


@pytest.mark.parametrize("name", DAMAGES)
def test_exit_2_and_one_line(name: str, damaged: Damaged, capfd: pytest.CaptureFixture[str]) -> None:
    code = start_here(damaged(name))
    check(name, code, *capfd.readouterr())


def test_the_folder_itself_is_fine(good: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """So what is refused above is refused for its damage."""
    assert start_here(good) == 0, capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", [BY_THE_SERVER, BY_THE_ENGINE])
def test_the_command_says_it_too(name: str, damaged: Damaged) -> None:
    command = [sys.executable, "-m", "sgl_cli", "serve", "-m", str(damaged(name)), *FLAGS]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    check(name, ended.returncode, ended.stdout, ended.stderr)

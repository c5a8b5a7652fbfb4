"""Tab in real shells: bash, zsh and fish, each in a pseudo-terminal and each asked for its list of words."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sgl.runs.registry import register
from sgl.runs.server import Server
from sgl_cli.completion.shells import SCRIPTS

from .completion_lines import install_sgl, offered, sample_scripts
from .shells import Shell, start

SHELLS: Final = ("bash", "zsh", "fish")
NAMES: Final = ["Qwen/Qwen2.5-0.5B", "Qwen/Qwen3-0.6B", "tiny"]

LISTS: Final = [
    ("sgl ", ["completion", "help", "many", "one", "passing", "serve", "strict"]),
    ("sgl s", ["serve", "strict"]),
    ("sgl nothing", []),
    ("sgl help st", ["strict"]),
    ("sgl completion ", ["bash", "fish", "zsh"]),
    ("sgl strict ", ["left", "right"]),
    ("sgl many rm --y", ["--yes"]),
    ("sgl serve --dt", ["--dtype"]),
    ("sgl serve --dtype ", ["auto", "bfloat16", "float16", "float32"]),
    ("sgl serve --dtype f", ["float16", "float32"]),
    ("sgl serve --max_model_len 4k --load-format s", ["safetensors"]),
    ("sgl serve --page-size=16 --load-format d", ["dummy"]),
    ("sgl serve -tp 1 --load-format d", ["dummy"]),
    ("sgl serve --served-model-name --dtype --load-format d", ["dummy"]),
    ("sgl serve --gpu-mem", ["--gpu-memory-utilization"]),
    ("sgl serve --served-model-name ", []),
    ("sgl serve -m Q", NAMES[:2]),
    ("sgl serve Qwen/Qwen3", ["Qwen/Qwen3-0.6B"]),
    ("sgl serve -m bu", ["builtin"]),
    ("sgl passing -m Qwen/Qwen3", ["Qwen/Qwen3-0.6B"]),
    ("sgl passing --dtype b", ["bfloat16"]),
    ("sgl many rm ", NAMES),
    ("sgl many rm tiny Qwen/Qwen2", ["Qwen/Qwen2.5-0.5B"]),
    ("sgl strict right ", ["mila"]),
    ("sgl one x --color a", ["always", "auto"]),
    ("sgl one x --fo", ["--follow"]),
    ("sgl one x --no-f", ["--no-follow"]),
    ("sgl serve -- --dt", []),
    ("sgl many rm -- ti", ["tiny"]),
]
"""A line, and every word that is offered for it."""

TABS: Final = [
    ("sgl ser", "sgl serve "),
    ("sgl serve --dtype bf", "sgl serve --dtype bfloat16 "),
    ("sgl serve --dtype=bf", "sgl serve --dtype=bfloat16 "),
    ("sgl serve -m Qwen/Qwen3", "sgl serve -m Qwen/Qwen3-0.6B "),
    ("sgl serve --model=Qwen/Qwen3", "sgl serve --model=Qwen/Qwen3-0.6B "),
    ("sgl serve --model 'Qwen/Qwen3", "sgl serve --model 'Qwen/Qwen3-0.6B' "),
    ("sgl serve -m ./my", "sgl serve -m ./my\\ model/"),
    ("sgl serve my", "sgl serve my\\ model/"),
    ("sgl serve ~/mod", "sgl serve ~/models/"),
    ("sgl serve --chat-template te", "sgl serve --chat-template template.jinja "),
    ("sgl serve --chat-template=te", "sgl serve --chat-template=template.jinja "),
    ('sgl serve --chat-template "my f', 'sgl serve --chat-template "my file.jinja" '),
    ("sgl one x --local-dir my", "sgl one x --local-dir my\\ model/"),
    ("sgl one x --local-dir te", "sgl one x --local-dir te"),
    ("sgl strict right mi", "sgl strict right mila "),
    ("sgl serve --profile my", "sgl serve --profile my\\ profile "),
    ("./bin/sgl serve --dtype bf", "./bin/sgl serve --dtype bfloat16 "),
]
"""A line, and what it is after Tab. The blank after a whole word is the shell's."""

REAL_TABS: Final = [
    ("sgl dow", "sgl download "),
    ("sgl doctor ser", "sgl doctor serve "),
    ("sgl doctor serve --dtype bf", "sgl doctor serve --dtype bfloat16 "),
    ("sgl doctor serve --dtype=bf", "sgl doctor serve --dtype=bfloat16 "),
    ("sgl stop mi", "sgl stop mila "),
    ("sgl logs -f mi", "sgl logs -f mila "),
    ("sgl models rm Qwen/Qwen3", "sgl models rm Qwen/Qwen3-0.6B "),
    ("sgl models rm tiny Qwen/Qwen3", "sgl models rm tiny Qwen/Qwen3-0.6B "),
    ("sgl download --local-dir my", "sgl download --local-dir my\\ model/"),
    ("sgl help mod", "sgl help models "),
]
"""As ``TABS``, for the commands of this version."""


class Place:
    """A folder with models, files and a running server, and the scripts for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in NAMES:
            snapshot = folder / "hub" / f"models--{name.replace('/', '--')}" / "snapshots" / "0123"
            snapshot.mkdir(parents=True)
        for name in ("my model", "home/models", "run"):
            (folder / name).mkdir(parents=True)
        for name in ("my file.jinja", "template.jinja"):
            (folder / name).touch()
        (folder / "sgl.toml").write_text("[profiles.'my profile']\n")
        (folder / "run").chmod(0o700)
        install_sgl(folder / "bin")
        self.scripts = sample_scripts(folder)
        self.environ = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "HF_HUB_CACHE": str(folder / "hub"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "LANG": "C.UTF-8",
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("place"))
    server = Server(
        id="mila",
        pid=os.getpid(),
        host="127.0.0.1",
        port=30000,
        models=("m",),
        model_path="m",
        version="0",
        started=1.0,
    )
    with register(server, place.environ) as registration:
        assert registration.problem is None
        yield place


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, place: Place) -> Iterator[tuple[str, Shell]]:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    with start(name, place.folder, place.environ, f"source {place.scripts[name]}\n") as running:
        yield name, running


def test_the_words_that_are_offered(shell: tuple[str, Shell], place: Place) -> None:
    name, running = shell
    lines = [line for line, _ in LISTS]
    if name == "zsh":
        answers = [running.matches(line) for line in lines]
    else:
        answers = offered(name, place.scripts[name], lines, place.environ, place.folder)
    # A folder may stand beside the names of models.
    answers = [[word for word in answer if not word.endswith("/")] for answer in answers]
    assert dict(zip(lines, answers, strict=True)) == dict(LISTS)


@pytest.mark.parametrize(("line", "completed"), TABS)
def test_tab(shell: tuple[str, Shell], line: str, completed: str) -> None:
    _, running = shell
    assert running.tab(line) == completed


def test_tab_in_the_middle_of_a_line(shell: tuple[str, Shell]) -> None:
    name, running = shell
    line = "sgl serve --dty --port 1"
    flag = "--dtype=" if name == "zsh" else "--dtype "
    assert running.tab(line, back=len(" --port 1")).replace("  ", " ") == f"sgl serve {flag}".rstrip() + " --port 1"


def test_a_program_that_cannot_be_started_says_nothing(shell: tuple[str, Shell]) -> None:
    _, running = shell
    before = len(running.screen)
    assert running.tab("./none/sgl serve -m Qw") == "./none/sgl serve -m Qw"
    shown = running.screen[before:]
    assert "No such file" not in shown
    assert "not found" not in shown
    assert "nknown command" not in shown


@pytest.mark.parametrize("name", SHELLS)
def test_the_scripts_that_are_checked_in(name: str, place: Place, root: Path) -> None:
    """The commands of this version, as people have them."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    script = root / "completions" / SCRIPTS[name]
    with start(name, place.folder, place.environ, f"source {script}\n") as running:
        for line, completed in REAL_TABS:
            assert running.tab(line) == completed


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_finds_nothing_wrong_with_its_script(name: str, place: Place) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")

    finished = subprocess.run([name, "-n", str(place.scripts[name])], capture_output=True, text=True, timeout=60)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_bash_needs_no_breaks_at_equals_and_colon(place: Place) -> None:
    """Some people take ``=`` and ``:`` out of COMP_WORDBREAKS; then the whole word is replaced."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    setup = f"COMP_WORDBREAKS=${{COMP_WORDBREAKS//[=:]/}}\nsource {place.scripts['bash']}\n"
    with start("bash", place.folder, place.environ, setup) as running:
        assert running.tab("sgl serve --dtype=bf") == "sgl serve --dtype=bfloat16 "
        assert running.tab("sgl serve --load_format=du") == "sgl serve --load_format=dummy "
        assert running.tab("sgl serve --model=Qwen/Qwen3") == "sgl serve --model=Qwen/Qwen3-0.6B "

"""``sgl --install-completion``: what it writes, that a second run changes nothing, and that Tab works afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from sgl_cli.completion.install import BEGIN, END, find_target, install
from sgl_cli.completion.scripts import read_script
from sgl_cli.completion.shells import SCRIPTS, SHELLS
from sgl_cli.main import main

from .completion_lines import install_sgl
from .shells import start

NO_SYSTEM: Final[list[Path]] = []
START_FILES: Final = {"bash": ".bashrc", "zsh": ".zshrc"}
PLACES: Final = {
    "bash": ".local/share/bash-completion/completions/sgl",
    "zsh": ".local/share/zsh/site-functions/_sgl",
    "fish": ".config/fish/completions/sgl.fish",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.mark.parametrize("shell", SHELLS)
def test_it_says_what_it_did_and_does_it_once(shell: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = home / PLACES[shell]
    assert main(["--install-completion", shell]) == 0
    first = capsys.readouterr().out.splitlines()
    assert first[0] == f"wrote {script}"
    assert first[-1].startswith("to use it: open a new ")
    assert script.read_text() == read_script(shell)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    assert main([f"--install-completion={shell}"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"unchanged: {script}"
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before

    assert main(["--uninstall-completion", shell]) == 0
    assert f"removed {script}" in capsys.readouterr().out
    assert not script.exists()
    assert main(["--uninstall-completion", shell]) == 0
    assert capsys.readouterr().out == "nothing to remove: completion is not installed\n"


def test_the_shell_is_the_one_in_use(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--install-completion"]) == 0
    assert (home / PLACES["zsh"]).is_file()
    assert main(["completion"]) == 0
    assert capsys.readouterr().out.endswith(read_script("zsh"))


@pytest.mark.parametrize("shell", START_FILES)
@pytest.mark.parametrize("text", ["", "alias ll='ls -l'\n", "export A=1", "a\r\n\n# \xfc\n"])
def test_a_start_file_keeps_what_it_had(shell: str, text: str, home: Path) -> None:
    start_file = home / START_FILES[shell]
    start_file.write_bytes(text.encode("latin-1"))
    start_file.chmod(0o640)
    target = find_target(shell, os.environ, NO_SYSTEM)
    install(shell, target)
    install(shell, target)
    written = start_file.read_bytes().decode("latin-1")
    assert written.startswith(text)
    assert written.count(BEGIN) == written.count(END) == 1
    assert main(["--uninstall-completion", shell]) == 0
    assert start_file.read_bytes().decode("latin-1") == (text if text.endswith("\n") or not text else text + "\n")
    assert start_file.stat().st_mode & 0o777 == 0o640


def test_a_start_file_that_is_a_link_stays_one(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("# mine\n")
    (home / ".zshrc").symlink_to(kept)
    assert main(["--install-completion", "zsh"]) == 0
    assert (home / ".zshrc").is_symlink()
    assert BEGIN in kept.read_text()


def test_bash_completion_finds_the_script_without_a_line(home: Path) -> None:
    (home / ".bashrc").write_text("# . /usr/share/bash-completion/bash_completion\n")
    assert find_target("bash", os.environ, NO_SYSTEM).lines
    (home / ".bashrc").write_text("  . /usr/share/bash-completion/bash_completion\n")
    assert not find_target("bash", os.environ, NO_SYSTEM).lines
    assert main(["--install-completion", "bash"]) == 0
    assert BEGIN not in (home / ".bashrc").read_text()


def test_the_folders_people_choose(home: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "/config", "ZDOTDIR": "/zsh"}
    assert find_target("fish", environ).script == Path("/config/fish/completions/sgl.fish")
    assert find_target("zsh", environ).script == Path("/data/zsh/site-functions/_sgl")
    assert find_target("zsh", environ).start_file == Path("/zsh/.zshrc")
    assert find_target("bash", environ).script == Path("/data/bash-completion/completions/sgl")
    environ["BASH_COMPLETION_USER_DIR"] = "/mine"
    assert find_target("bash", environ).script == Path("/mine/completions/sgl")


@pytest.mark.parametrize(
    ("words", "shell", "error", "hint"),
    [
        (["--install-completion", "powershell"], "", "there is completion for bash, zsh, fish, not for 'power", ""),
        (["--install-completion", "BASH"], "", "there is completion for bash, zsh, fish, not for 'BASH'", "bash?"),
        (["--install-completion"], "/bin/tcsh", "which shell? $SHELL is 'tcsh'", "name one of bash, zsh, fish"),
        (["--install-completion"], "", "which shell? $SHELL is not set", "name one of bash, zsh, fish"),
        (["--install-completion", "bash", "zsh"], "", "--install-completion takes one shell, got 'zsh' as well", ""),
        (["completion", "bsh"], "", "there is completion for bash, zsh, fish, not for 'bsh'", "did you mean bash?"),
    ],
)
def test_other_shells(
    words: list[str],
    shell: str,
    error: str,
    hint: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SHELL", shell)
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"error: {error}")
    assert hint in lines[-1]
    assert list(home.iterdir()) == []


def test_a_file_that_cannot_be_written(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".zshrc").mkdir()
    assert main(["--install-completion", "zsh"]) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines()[0] == f"error: cannot write {home / '.zshrc'}: Is a directory"


def test_without_a_home(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("HOME")
    assert main(["--install-completion", "bash"]) == 2
    assert "sgl completion bash prints the script" in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_after_installing(shell: str, home: Path, tmp_path: Path) -> None:
    """The shell is started as people start it, and reads its own start file."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    if shell in START_FILES:
        (home / START_FILES[shell]).write_text("# mine\n")
    install(shell, find_target(shell, os.environ, NO_SYSTEM))
    install_sgl(tmp_path / "bin")
    environ = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    with start(shell, tmp_path, environ) as running:
        assert running.tab("sgl serve --dtype=bf") == "sgl serve --dtype=bfloat16 "


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_after_the_lines_of_help(shell: str, home: Path, tmp_path: Path) -> None:
    """``source <(sgl completion bash)``, as the page of ``sgl completion`` says."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    install_sgl(tmp_path / "bin")
    environ = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    line = "sgl completion fish | source" if shell == "fish" else f"source <(sgl completion {shell})"
    with start(shell, tmp_path, environ, f"{line}\n") as running:
        assert running.tab("sgl serve --dtype=bf") == "sgl serve --dtype=bfloat16 "


def test_every_script_has_its_name() -> None:
    assert set(SCRIPTS) == set(SHELLS)

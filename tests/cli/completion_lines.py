"""What a shell offers for a line, asked of the shell itself: the words in one list, whatever it would show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sgl_cli.completion.generate import scripts
from sgl_cli.table import COMMANDS
from sgl_cli.tree import read_command, read_tree

from .sample import SAMPLES

OWN: Final = ("serve", "completion")
"""Commands of ours that the tests use, beside the samples."""

_BASH: Final = r"""
source "$1"
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE}
    spaced=${COMP_LINE//=/ = } spaced=${spaced//:/ : }
    read -ra COMP_WORDS <<< "$spaced"
    [[ $COMP_LINE == *[[:space:]] ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _sgl sgl sgl x
    printf '%s\n' "${COMPREPLY[@]}" "--end--"
done
"""
_FISH: Final = """
source $argv[1]
while read -l line
    complete -C "$line" | string replace -r '\\t.*' ''
    echo -- --end--
end
"""


def sample_scripts(folder: Path) -> dict[str, Path]:
    """The scripts for `OWN` and the samples, by shell, written to ``folder``."""
    nodes = (*(read_command(command) for command in COMMANDS if command.name in OWN), *read_tree(SAMPLES))
    written = {}
    for name, text in scripts(nodes).items():
        (folder / name).write_text(text, encoding="utf-8")
        written["zsh" if name == "_sgl" else name.removeprefix("sgl.")] = folder / name
    return written


def install_sgl(folder: Path) -> None:
    """A program called ``sgl`` in ``folder``."""
    folder.mkdir(exist_ok=True)
    (folder / "sgl").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sgl_cli "$@"\n')
    (folder / "sgl").chmod(0o755)


def offered(
    shell: str, script: Path, lines: Sequence[str], environ: Mapping[str, str], folder: Path
) -> list[list[str]]:
    """What bash or fish offers for each line, sorted."""
    programs = {"bash": ["bash", "--norc", "-c", _BASH, "bash"], "fish": ["fish", "--no-config", "-c", _FISH]}
    finished = subprocess.run(
        [*programs[shell], str(script)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        env=dict(environ),
        cwd=folder,
        timeout=120,
    )
    assert finished.stderr == ""
    answers = finished.stdout.split("--end--\n")
    return [sorted(set(answer.split("\n")) - {""}) for answer in answers[: len(lines)]]

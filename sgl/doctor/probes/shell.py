"""`ShellFacts`: the shell that ``sgl`` is called from: variables, completion, programs of that name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sgl.doctor.machine import Machine

_COMPLETIONS: Final = {
    "bash": ("share/bash-completion/completions/sgl", "share/bash-completion/completions/sgl.bash"),
    "zsh": ("share/zsh/site-functions/_sgl",),
    "fish": ("share/fish/vendor_completions.d/sgl.fish",),
}
"""Where an installation for all users puts the scripts, below its prefix."""
_PREFIXES: Final = ("/usr/local", "/usr")
"""Where shells look; scripts in a virtual environment are found by none of them."""


@dataclass(frozen=True, kw_only=True)
class ShellFacts:
    """The shell.

    Attributes:
        name: ``bash``, ``zsh``, ``fish``, another name, or empty.
        encoding: What text is encoded in, by the locale.
        completion: The completion script that was found; empty for none.
        programs: Every ``sgl`` on the path, the one that is started first.
        own_folder: Where the interpreter of this sgl keeps its programs.
        variables: The environment variables, as they are.
    """

    name: str
    encoding: str
    completion: str
    programs: tuple[str, ...]
    own_folder: str
    variables: Mapping[str, str]


def probe_shell(machine: Machine) -> ShellFacts:
    """Looks at variables and for files."""
    environ = machine.environ
    shell = PurePosixPath(environ.get("SHELL", "")).name
    folders = dict.fromkeys(_real(machine, folder) for folder in environ.get("PATH", "").split(":") if folder)
    return ShellFacts(
        name=shell,
        encoding=machine.interpreter.encoding,
        completion=next((path for path in _scripts(machine, shell) if machine.exists(path)), ""),
        programs=tuple(f"{folder}/sgl" for folder in folders if machine.exists(f"{folder}/sgl")),
        own_folder=str(PurePosixPath(machine.interpreter.executable).parent),
        variables=environ,
    )


def _real(machine: Machine, folder: str) -> str:
    """The folder behind a link: /bin is /usr/bin on most systems."""
    target = machine.link(folder)
    return folder if target is None else str(PurePosixPath(folder).parent / target)


def _scripts(machine: Machine, shell: str) -> list[str]:
    """Where the completion script of a shell may be."""
    home = PurePosixPath(machine.identity.home)
    environ = machine.environ
    data = PurePosixPath(environ.get("XDG_DATA_HOME") or home / ".local/share")
    config = PurePosixPath(environ.get("XDG_CONFIG_HOME") or home / ".config")
    own = {
        "bash": (
            PurePosixPath(environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion") / "completions/sgl",
        ),
        "zsh": (data / "zsh/site-functions/_sgl",),
        "fish": (config / "fish/completions/sgl.fish", data / "fish/vendor_completions.d/sgl.fish"),
    }
    packaged = [f"{prefix}/{path}" for prefix in _PREFIXES for path in _COMPLETIONS.get(shell, ())]
    return [*map(str, own.get(shell, ())), *packaged]

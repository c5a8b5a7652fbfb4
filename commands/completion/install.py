"""``sgl --install-completion`` and ``--uninstall-completion``: puts the script where the shell looks, and says so.

A line is added to a start file of the shell only where it is needed, between two marks, so that a second run changes
nothing and uninstalling takes out exactly what was added.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sgl.errors import StartupError, UsageError, echo

from .scripts import read_script
from .shells import find_shell

INSTALL: Final = "--install-completion"
BEGIN: Final = "# >>> sgl completion >>>"
END: Final = "# <<< sgl completion <<<"
_BASH_COMPLETION: Final = "bash_completion"
_BASH_SYSTEM: Final = (Path("/etc/bash.bashrc"), Path("/etc/bashrc"), Path("/etc/profile.d/bash_completion.sh"))


class Target(NamedTuple):
    """Where the completion of one shell goes.

    Attributes:
        script: The file for the script.
        start_file: The file that the shell reads when it starts; None when nothing is ever added to it.
        lines: What must be added to it; nothing where the shell finds the script by itself.
        now: How to use it at once, in the shell that is open.
    """

    script: Path
    start_file: Path | None
    lines: tuple[str, ...]
    now: str


def main(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs ``--install-completion [SHELL]`` or ``--uninstall-completion [SHELL]``; returns the exit code.

    Raises:
        UsageError: The shell is not one of ours, or unknown.
        StartupError: A file cannot be written.
    """
    flag, equals, value = words[0].partition("=")
    named = [value, *words[1:]] if equals else list(words[1:])
    if len(named) > 1:
        raise UsageError(f"{flag} takes one shell, got {echo(named[1])} as well")
    shell = find_shell(named[0] if named else None, environ)
    target = find_target(shell, environ)
    done = install(shell, target) if flag == INSTALL else uninstall(target)
    print("\n".join(done))
    return 0


def find_target(shell: str, environ: Mapping[str, str], system: Sequence[Path] = _BASH_SYSTEM) -> Target:
    """Decides where the script of ``shell`` goes.

    Args:
        shell: ``bash``, ``zsh`` or ``fish``.
        environ: Where ``HOME``, ``XDG_*`` and the shells' own variables are read.
        system: Start files of bash for all users.

    Raises:
        UsageError: There is no home folder.
    """
    if not environ.get("HOME"):
        raise UsageError(
            "HOME is not set, so there is no place for it", hint=f"sgl completion {shell} prints the script"
        )
    home = Path(environ["HOME"])
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    if shell == "fish":
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        return Target(config / "fish" / "completions" / "sgl.fish", None, (), "open a new fish, or just press Tab")
    if shell == "zsh":
        folder = data / "zsh" / "site-functions"
        lines = (
            f"fpath=({shlex.quote(str(folder))} $fpath)",
            "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }",
            "autoload -Uz _sgl && compdef _sgl sgl",
        )
        start_file = Path(environ.get("ZDOTDIR") or home) / ".zshrc"
        return Target(folder / "_sgl", start_file, lines, "open a new zsh, or type: exec zsh")
    user = Path(environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion")
    script = user / "completions" / "sgl"
    now = f"open a new terminal, or type: source {shlex.quote(str(script))}"
    mine = (home / ".bashrc", home / ".bash_profile", home / ".profile")
    if any(_loads_bash_completion(path) for path in (*mine, *system)):
        return Target(script, home / ".bashrc", (), now)
    return Target(script, home / ".bashrc", (f"source {shlex.quote(str(script))}",), now)


def install(shell: str, target: Target) -> list[str]:
    """Writes the files; returns what to tell the person."""
    done = [_put(target.script, read_script(shell))]
    if target.start_file is not None and target.lines:
        new = _without_block(_read(target.start_file))
        new += "" if not new or new.endswith("\n") else "\n"
        done.append(_put(target.start_file, new + "\n".join([BEGIN, *target.lines, END, ""])))
    return [*done, f"to use it: {target.now}"]


def uninstall(target: Target) -> list[str]:
    """Takes out what `install` wrote; returns what to tell the person."""
    done = []
    if target.script.is_file():
        try:
            target.script.unlink()
        except OSError as error:
            raise _refused(target.script, error) from error
        done.append(f"removed {target.script}")
    if target.start_file is not None:
        old = _read(target.start_file)
        new = _without_block(old)
        if new != old:
            _put(target.start_file, new)
            done.append(f"took the lines of sgl out of {target.start_file}")
    return done or ["nothing to remove: completion is not installed"]


def _put(path: Path, text: str) -> str:
    """Writes ``text`` unless it is there already; returns what was done.

    A link, as people have who keep their start files elsewhere, stays a link.
    """
    if _read(path) == text:
        return f"unchanged: {path}"
    known = path.exists()
    real = Path(os.path.realpath(path))
    temporary = real.with_name(f".{real.name}.sgl-new")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
        if known:
            shutil.copymode(real, temporary)
        temporary.replace(real)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _refused(path, error) from error
    return f"{'changed' if known else 'wrote'} {path}"


def _refused(path: Path, error: OSError) -> StartupError:
    return StartupError(
        f"cannot write {path}: {error.strerror}", hint="sgl completion prints the script; put it where your shell looks"
    )


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _refused(path, error) from error


def _without_block(text: str) -> str:
    """``text`` without the lines from mark to mark; a lone mark stays, for nobody knows what belongs to it."""
    before, begin, rest = text.partition(BEGIN + "\n")
    _, end, after = rest.partition(END + "\n")
    return before + after if begin and end else text


def _loads_bash_completion(path: Path) -> bool:
    """Whether a start file of bash loads the package bash-completion, which then finds our script by itself."""
    return any(_BASH_COMPLETION in line and not line.lstrip().startswith("#") for line in _read(path).splitlines())

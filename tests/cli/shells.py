"""Real shells in a pseudo-terminal: a line is typed, the Tab key pressed, and what became of the line read back."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

SECONDS: Final = 30
DUMP: Final = "\x18p"
"""Ctrl-X p: the start file of each shell binds it to writing the line into ``$LINE_FILE``."""
KILL_LINE: Final = "\x01\x0b"

START_FILES: Final = {
    "bash": """\
set -o emacs
bind 'set bell-style none'
bind 'set completion-query-items 0'
bind 'set show-all-if-ambiguous on'
bind 'set page-completions off'
_write_line() { printf '%s|' "$READLINE_LINE" > "$LINE_FILE.new"; mv "$LINE_FILE.new" "$LINE_FILE"; }
bind -x '"\\C-xp": _write_line'
PS1='ready> '
""",
    "zsh": """\
bindkey -e
setopt no_beep
zstyle ':completion:*' menu no
LISTMAX=10000
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_write_line() { printf '%s|' "$BUFFER" > "$LINE_FILE.new"; mv "$LINE_FILE.new" "$LINE_FILE" }
zle -N _write_line
bindkey '^Xp' _write_line
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)* ]]; then
        builtin compadd "$@"
        return $?
    fi
    local -a hits
    builtin compadd -O hits "$@"
    (( $#hits )) && print -rl -- $hits >> $MATCHES_FILE
    builtin compadd "$@"
}
PS1='ready> '
""",
    "fish": """\
function fish_prompt; echo 'ready> '; end
function fish_greeting; end
function fish_right_prompt; end
function fish_title; end
function _write_line
    printf '%s|' (commandline) > "$LINE_FILE.new"; mv "$LINE_FILE.new" "$LINE_FILE"
end
bind \\cxp _write_line
""",
}


class Shell:
    """One interactive shell; use `start`."""

    def __init__(self, terminal: int, line_file: Path, matches_file: Path) -> None:
        self._terminal = terminal
        self._line_file = line_file
        self._matches_file = matches_file
        self.screen = ""

    def run(self, command: str) -> None:
        """Runs a command, and waits until the next one can be typed."""
        self._type(command + "\r")
        assert self.line() == ""

    def tab(self, line: str, back: int = 0) -> str:
        """Types ``line``, goes ``back`` characters to the left, presses Tab, and returns what the line is then."""
        self._type(line + "\x02" * back + "\t")
        result = self.line()
        self._type(KILL_LINE)
        return result

    def matches(self, line: str) -> list[str]:
        """What zsh offers for a line."""
        self._matches_file.unlink(missing_ok=True)
        self.tab(line)
        return sorted(set(self._matches_file.read_text().split("\n")) - {""}) if self._matches_file.exists() else []

    def line(self) -> str:
        """What stands on the line that is being typed."""
        deadline = time.monotonic() + SECONDS
        self._line_file.unlink(missing_ok=True)
        while time.monotonic() < deadline:
            self._type(DUMP)
            # Asked again too early, a slow shell answers twice, and the second answer is taken for the next one.
            until = min(time.monotonic() + 6, deadline)
            while time.monotonic() < until:
                self._read()
                if self._line_file.exists():
                    return self._line_file.read_text().removesuffix("|").removesuffix("\n")
        raise AssertionError(f"the shell does not answer; its screen:\n{self.screen}")

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read(self) -> None:
        ready, _, _ = select.select([self._terminal], [], [], 0.02)
        if ready:
            self.screen += os.read(self._terminal, 65536).decode(errors="replace")


@contextlib.contextmanager
def start(name: str, folder: Path, environ: Mapping[str, str], setup: str = "") -> Iterator[Shell]:
    """An interactive shell in ``folder``, whose home is ``folder/home``, after ``setup``, lines of its language.

    It reads the start file in its home, as any does.
    """
    home = folder / "home"
    home.mkdir(exist_ok=True)
    start_file = folder / f"start.{name}"
    start_file.write_text(START_FILES[name] + setup)
    line_file, matches_file = folder / "line", folder / "matches"
    variables = {
        **environ,
        "HOME": str(home),
        "TERM": "xterm",
        "LINE_FILE": str(line_file),
        "MATCHES_FILE": str(matches_file),
        "COLUMNS": "200",
    }
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR", "ENV", "BASH_ENV", "INPUTRC"):
        variables.pop(variable, None)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe(name, [name, "-i"], variables)
    try:
        shell = Shell(terminal, line_file, matches_file)
        os.write(terminal, f" source {start_file}\r".encode())
        assert shell.line() == ""
        yield shell
    finally:
        os.kill(process, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(process, 0)

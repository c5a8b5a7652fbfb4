"""What to say about words that name no command: the closest one, or ours for that of another program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from sgl.errors import UsageError, echo

from .table import COMMANDS, PLANNED

ELSEWHERE: Final = {
    "run": "serve",
    "start": "serve",
    "launch": "serve",
    "launch_server": "serve",
    "launch-server": "serve",
    "api_server": "serve",
    "pull": "download",
    "get": "download",
    "fetch": "download",
    "list": "models",
    "ls": "models",
    "cache": "models",
    "show": "models show",
    "rm": "models rm",
    "remove": "models rm",
    "kill": "stop",
    "unload": "stop",
    "status": "ps",
    "top": "ps",
    "log": "logs",
    "tail": "logs",
    "env": "doctor",
    "check": "doctor",
    "check_env": "doctor",
    "check-env": "doctor",
    "collect-env": "doctor",
    "collect_env": "doctor",
    "benchmark": "bench",
    "bench_serving": "bench",
    "bench-serving": "bench",
    "completions": "completion",
    "version": "--version",
}
"""Commands of ollama, vLLM, SGLang and others -> ours."""


def unknown_command(words: Sequence[str]) -> UsageError:
    """The error for ``sgl WORD ...`` when no command is called so."""
    name, rest = words[0], words[1:]
    names = [command.name for command in COMMANDS]
    if name in PLANNED:
        return UsageError(f"'sgl {name}' is not in this version yet", hint=f"this version has: {', '.join(names)}")
    if name.startswith("-"):
        hint = _as_typed("serve", words) if _names_a_model(words) else "flags of a command follow its name"
        return UsageError(f"unknown flag {echo(name)}", hint=_did_you_mean(hint) if "sgl " in hint else hint)
    error = f"unknown command {echo(name)}"
    if name in ELSEWHERE:
        return UsageError(error, hint=f"here it is '{_as_typed(ELSEWHERE[name], rest)}'")
    if "/" in name or os.path.isdir(name):
        return UsageError(error, hint=f"to serve a model: {_as_typed('serve', words)}")
    near = get_close_matches(name.lower(), [*names, *PLANNED, *ELSEWHERE], n=1)
    if not near:
        return UsageError(error, hint=f"this version has: {', '.join(names)}")
    return UsageError(error, hint=_did_you_mean(_as_typed(ELSEWHERE.get(near[0], near[0]), ())))


def doubled(name: str, words: Sequence[str]) -> UsageError | None:
    """The error for ``sgl serve serve MODEL``, which is what a container's entry point makes of ``serve MODEL``."""
    if words[:1] != [name] or os.path.exists(name):
        return None
    return UsageError(f"'{name}' is there twice", hint=f"leave one out: {_as_typed(name, words[1:])}")


def _names_a_model(words: Sequence[str]) -> bool:
    return words[0].partition("=")[0] in ("-m", "--model", "--model-path")


def _as_typed(command: str, words: Sequence[str]) -> str:
    """The line to type; words that are not plain are left out rather than shown raw."""
    plain = [word for word in words if echo(word) == f"'{word}'"]
    return " ".join(["sgl", command, *(plain if len(plain) == len(words) else ["..."])])


def _did_you_mean(line: str) -> str:
    return f"did you mean '{line}'?"

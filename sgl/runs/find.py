"""Which running server a person means: an id, a port, the name of a model, or the beginning of one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from sgl.errors import UsageError, echo
from sgl.runs.registry import servers
from sgl.runs.server import Server

START_ONE: Final = "sgl serve -d -m MODEL starts one"


def find(word: str, environ: Mapping[str, str] = os.environ) -> Server:
    """The running server that ``word`` means.

    Raises:
        UsageError: None, or more than one.
    """
    return choose(word, servers(environ))


def the_only(running: Sequence[Server], command: str) -> Server:
    """The one server that runs, where no name was given.

    Args:
        command: To show how one is named, e.g. ``sgl stop``.

    Raises:
        UsageError: None runs, or more than one.
    """
    if not running:
        raise UsageError("no server is running", hint=START_ONE)
    if len(running) > 1:
        raise UsageError(
            f"{len(running)} servers are running; name one: {command} {running[0].id}", hint=_list(running)
        )
    return running[0]


def choose(word: str, running: Sequence[Server]) -> Server:
    """As `find`, among these servers."""
    if not running:
        raise UsageError(f"no server is called {echo(word)}: none is running", hint=START_ONE)
    found = [server for server in running if word in _names(server)]
    if not found and word:
        found = [server for server in running if any(name.startswith(word) for name in _names(server))]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{echo(word)} fits {len(found)} servers; give an id", hint=_list(found))
    near = get_close_matches(word, sorted({name for server in running for name in _names(server)}), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else _list(running)
    raise UsageError(f"no running server is called {echo(word)}", hint=hint)


def _names(server: Server) -> tuple[str, ...]:
    """All that it is known by; a repository's own name counts without its owner."""
    short = (name.rpartition("/")[2] for name in server.models)
    port = (str(server.port),) if server.port else ()
    return (server.id, *port, *server.models, *short)


def _list(running: Sequence[Server]) -> str:
    return "running: " + ", ".join(f"{server.id} ({server.model})" for server in running)

"""``sgl logs``: what a background server has written."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from sgl.config.values import human_integer
from sgl.errors import StartupError, UsageError, echo
from sgl.runs.find import START_ONE, choose, the_only
from sgl.runs.logs import follow, logs, seek_last_lines
from sgl.runs.registry import is_running, servers
from sgl.runs.server import Server

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Source(NamedTuple):
    """A log, and the server that still writes it, if it does."""

    path: Path
    server: Server | None


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def show(
    name: Annotated[
        str | None,
        typer.Argument(metavar="SERVER", help="Its id, port or model, or the beginning of one. With one server, none."),
    ] = None,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written, until the server ends.")
    ] = False,
    lines: Annotated[
        str | None, typer.Option("--lines", "-n", metavar="N", help="Only the last N lines, e.g. 20 or 1k.")
    ] = None,
) -> int:
    """Show the log of a background server.

    The logs of the last 20 background servers are kept; one that has ended is named by its id.
    """
    count = _count(lines)
    source = _source(name)
    try:
        file = source.path.open("rb")
    except OSError as error:
        raise StartupError(f"cannot read the log {source.path}: {error.strerror}") from error
    server = source.server
    with file:
        if count is not None:
            seek_last_lines(file, count)
        for block in follow(file, lambda: following and server is not None and is_running(server, os.environ)):
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
    return 0


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        count = human_integer(text)
    except ValueError as error:
        raise UsageError(f"--lines expects a number of lines, got {echo(text)}") from error
    if count < 0:
        raise UsageError(f"--lines expects a number of lines, got {echo(text)}")
    return count


def _source(name: str | None) -> Source:
    """The log that is meant: a running server's, or of one that has ended."""
    running = servers(os.environ)
    kept = logs(os.environ)
    if name is None:
        behind = [server for server in running if server.background]
        if not running and kept:
            return _ended(kept[0].id, kept[0].path)
        return _of(the_only(behind or running, "sgl logs"))
    ended = [log for log in kept if log.id == name]
    if ended and all(server.id != name for server in running):
        return _ended(name, ended[0].path)
    return _of(choose(name, running))


def _of(server: Server) -> Source:
    if server.log is None:
        raise UsageError(
            f"{server.id} ({server.model}) runs in the foreground: its log is in the terminal where it was started",
            hint=START_ONE.replace(" starts one", " starts a server that has a log file"),
        )
    return Source(Path(server.log), server)


def _ended(server_id: str, path: Path) -> Source:
    print(f"{server_id} has ended; this is its log, {path}", file=sys.stderr)
    return Source(path, None)

"""``sgl stop``: ends servers that run on this machine."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sgl.errors import UsageError
from sgl.runs.find import choose, the_only
from sgl.runs.registry import servers
from sgl.runs.server import Server
from sgl.runs.stop import Outcome, patience, stop

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("stop", context_settings={"help_option_names": ["-h", "--help"]})
def stop_servers(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVER", help="Its id, port or model, or the beginning of one. With one server, none."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Stop every server of yours.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="How long a server may take before it is killed. Without it, 15 more than its --drain-timeout.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Kill at once; running requests are lost.")] = False,
) -> int:
    """Stop a server.

    It takes no new requests, lets the running ones finish, and ends. The exit code is 1 when a server still runs.
    """
    chosen = _chosen(names or [], every)
    still_running = 0
    for server in chosen:
        limit = patience(server) if timeout is None else timeout
        if not force and sys.stderr.isatty():
            print(f"stopping {_named(server)} ...", file=sys.stderr)
        outcome = stop(server, timeout=limit, force=force, environ=os.environ)
        still_running += outcome.ending == "running"
        print(_said(server, outcome, limit, force))
    return 1 if still_running else 0


def _chosen(names: list[str], every: bool) -> list[Server]:
    running = servers(os.environ)
    if every and names:
        raise UsageError("--all stops every server; leave the names out, or leave out --all")
    if every:
        if not running:
            print("no server is running", file=sys.stderr)
        return running
    if not names:
        return [the_only(running, "sgl stop")]
    # One that was named twice, by id and by port, is stopped once.
    return list({server.id: server for server in (choose(name, running) for name in names)}.values())


def _named(server: Server) -> str:
    return f"{server.id} ({server.model})"


def _said(server: Server, outcome: Outcome, limit: float, force: bool) -> str:
    name = _named(server)
    if outcome.ending == "stopped":
        return f"{name} has stopped after {outcome.seconds:.1f} s"
    if outcome.ending == "gone":
        return f"{name} was gone already"
    if outcome.ending == "killed":
        return f"{name} was killed" + ("" if force else f": it had not stopped after {limit:g} s")
    return f"{name} still runs (process {server.pid}): the system has not ended it yet"

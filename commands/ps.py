"""``sgl ps``: the servers that run on this machine."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer

from sgl.runs.find import START_ONE
from sgl.runs.listing import look, table
from sgl.runs.registry import servers
from sgl.terminal import Terminal

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def ps(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the servers' ids only.")] = False,
) -> int:
    """List the servers that run on this machine.

    A server is listed from the moment it starts, in the background or not. MEMORY is what its processes hold in RAM.
    REQUESTS is asked of the server itself; one that has a key tells it to those who set SGL_API_KEY.
    """
    running = servers(os.environ)
    if quiet:
        for server in running:
            print(server.id)
        return 0
    rows = look(running, os.environ.get("SGL_API_KEY"))
    if as_json:
        print(json.dumps([row.to_json() for row in rows], indent=2))
        return 0
    if not rows:
        print(f"no server is running; {START_ONE}", file=sys.stderr)
        return 0
    for line in table(rows, Terminal(sys.stdout)):
        print(line)
    return 0

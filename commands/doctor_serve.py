"""``sgl doctor serve ...``: the words of ``sgl serve``, judged against a model and a machine instead of started."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Final

import typer

from sgl.doctor.live import LiveMachine
from sgl.doctor.report import exit_code
from sgl.terminal import Terminal, tolerate

from .waiting import Waiting

CONTEXT_SETTINGS: Final = {
    "help_option_names": ["-h", "--help"],
    "allow_extra_args": True,
    "ignore_unknown_options": True,
}
"""Typer hands the words of ``sgl serve`` on unread; `sgl.config.arguments` knows them."""


def doctor_serve(
    context: typer.Context,
    assume_gpu: Annotated[
        str, typer.Option(metavar="SIZE", help="Plan for a GPU of this size, e.g. 80Gi, or for several: 80Gi:8.")
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 for warnings, too.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show codes and numbers of every finding.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check flags of sgl serve against a model and this machine.

    Takes every flag of sgl serve. Says whether it would start, how its memory would be shared out, and what to
    change where it would not. Nothing is started, and no weights are read.
    """
    # Imported here: these read tokenizers and flags, which `sgl doctor` alone does not have to pay for.
    from sgl.config.arguments import read_serve
    from sgl.doctor.assume import parse_gpus
    from sgl.doctor.serve import examine_serve
    from sgl.doctor.serve_report import serve_document, serve_text

    gpus = parse_gpus(assume_gpu) if assume_gpu else None
    arguments = read_serve(context.args, os.environ)
    with LiveMachine() as machine, Waiting(sys.stderr) as waiting:
        report = examine_serve(arguments, gpus, machine, waiting.show)
    if json_:
        print(json.dumps(serve_document(report), indent=2))
    else:
        tolerate(sys.stdout)
        print(serve_text(report, Terminal(sys.stdout), verbose=verbose))
    return exit_code(report.findings, strict=strict)

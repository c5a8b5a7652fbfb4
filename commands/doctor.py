"""``sgl doctor``: checks this machine; ``sgl doctor serve ...`` checks a command line of ``sgl serve`` on it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from typer._click.core import Context
from typer.core import TyperGroup

from sgl.config.flags import BY_SPELLING
from sgl.doctor.codes import explain
from sgl.doctor.finding import Finding
from sgl.doctor.live import LiveMachine
from sgl.doctor.markdown import markdown_report
from sgl.doctor.report import as_json, exit_code
from sgl.doctor.run import Wishes, examine
from sgl.doctor.text import text_report
from sgl.doctor.wishes import parse_count, parse_groups, parse_port
from sgl.terminal import Terminal, tolerate

from .doctor_serve import CONTEXT_SETTINGS, doctor_serve
from .waiting import Waiting


class DoctorGroup(TyperGroup):
    """Takes ``sgl doctor -m MODEL ...`` for ``sgl doctor serve -m MODEL ...``."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Puts ``serve`` before words that begin with a flag of ``sgl serve`` which is none of the doctor's own."""
        first = args[0].partition("=")[0] if args else ""
        own = {spelling for parameter in self.params for spelling in parameter.opts}
        return super().parse_args(ctx, ["serve", *args] if first in BY_SPELLING and first not in own else args)


app = typer.Typer(cls=DoctorGroup, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("serve", context_settings=CONTEXT_SETTINGS)(doctor_serve)


@app.callback(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
def doctor(
    context: typer.Context,
    only: Annotated[
        str, typer.Option(metavar="GROUPS", help="Look at these groups only: python, gpu, cpu, system, kernels.")
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="Import no torch and test no kernels: the answer takes a moment.")
    ] = False,
    kernels: Annotated[bool, typer.Option("--kernels", help="Test the kernels, also with --quick or --only.")] = False,
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="The port that has to be free; 30000 is looked at otherwise.")
    ] = None,
    tp: Annotated[str, typer.Option(metavar="N", help="How many GPUs one model is to be shared among.")] = "1",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 for warnings, too.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show codes and numbers of every finding.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Print markdown for a bug report, without secrets and names.")
    ] = False,
    code: Annotated[
        str, typer.Option("--explain", metavar="CODE", help="Explain the code of a finding, and end.")
    ] = "",
) -> int | None:
    """Check this machine, and whether a model fits it.

    Every warning and error comes with a line to copy. Nothing is asked online, and nothing is changed.
    """
    if context.invoked_subcommand is not None:
        return None
    if code:
        print(explain(code))
        return 0
    wishes = Wishes(
        groups=parse_groups(only, kernels=kernels, quick=quick),
        port=None if port is None else parse_port(port),
        tp=parse_count("--tp", tp),
        quick=quick,
    )
    with LiveMachine() as machine, Waiting(sys.stderr) as waiting:
        findings = examine(machine, wishes, waiting.show)
        page = markdown_report(findings, machine) if report else ""
    _print(findings, page, json_=json_, verbose=verbose)
    return exit_code(findings, strict=strict)


def _print(findings: list[Finding], page: str, *, json_: bool, verbose: bool) -> None:
    if json_:
        print(json.dumps(as_json(findings), indent=2))
        return
    tolerate(sys.stdout)
    print(page or text_report(findings, Terminal(sys.stdout), verbose=verbose))

"""``sgl bench``: a thin Typer command. What a run needs is imported when it is known that one runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer._click.core import Context
from typer.core import TyperGroup

from sgl.errors import UsageError
from sgl.log import escape

from .engine.commands import add_to
from .typed import values_of, with_flags

SERVE: Final = "serve"
"""What may stand before the flags, as in other programs; it is the command itself."""

_TYPED: Final = "sgl_cli.bench.typed"
_CONTEXT: Final = {"help_option_names": ["-h", "--help"]}


class BenchGroup(TyperGroup):
    """Takes flags of vLLM's and SGLang's benches, and whole lines that were copied, for ours."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Translates the words of a run; those of sub-commands are their own."""
        ctx.meta[_TYPED] = list(args)
        if args and args[0] in self.commands:
            return super().parse_args(ctx, args)
        from .flags.foreign import translate

        words, notes = translate(args[1:] if args[:1] == [SERVE] else args)
        for note in notes:
            print(f"note: {escape(note)}", file=sys.stderr)
        return super().parse_args(ctx, words)


app = typer.Typer(cls=BenchGroup, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, context_settings=_CONTEXT)
@with_flags
def bench(
    context: typer.Context,
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each figure means exactly, and end.")] = False,
    **given: Any,
) -> int | None:
    """Put load on a server and measure it.

    Works with every server that has OpenAI's or SGLang's API. Without --url it takes the one that runs here; with -m
    and none that has the model, one is started for the run and stopped after it. Ctrl-C ends a run and shows what was
    measured until then. Lines for vllm bench serve and sglang.bench_serving are understood:

      sgl bench --concurrency 64
      sgl bench --sweep --html sweep.html
      sgl bench --rate 8 --duration 60s --slo ttft:200 --assert 'slo_attainment>95%'
      sgl bench --vs http://127.0.0.1:8000
      sgl bench vllm bench serve --base-url http://127.0.0.1:8000 --num-prompts 100

    Exit codes: 3 when an assertion fails, 4 when too many requests do, 5 when the server is never ready.
    """
    if context.invoked_subcommand is not None:
        return None
    if explain:
        from sgl.terminal import Terminal, tolerate

        from .output.explain import explain_lines

        tolerate(sys.stdout)
        print("\n".join(explain_lines(Terminal(sys.stdout))))
        return 0
    from .campaign.serve import run_bench
    from .flags.read import read_plan

    values = values_of(given)
    if values["sweep"] and not any(values[name] for name in ("concurrency", "rate", "ramp")):
        values["concurrency"] = "1"
    return run_bench(read_plan(values), context.meta[_TYPED], sys.stdin)


@app.command("compare", context_settings=_CONTEXT)
def compare(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="The older result and the newer one, both of --save.")
    ],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if",
            metavar="CHANGE",
            help="Exit with 3 when this has happened, such as 'ttft.p99>+10%'; noise does not count. May be repeated.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Compare other prompts, models or GPUs, too.")] = False,
    md: Annotated[bool, typer.Option("--md", help="Print Markdown, for a comment on a change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the outcome of --fail-if as JUnit XML.")
    ] = None,
) -> int:
    """Say whether a newer result is better, worse, or the same within noise.

    The interval of each ratio is found by bootstrap. Of sweeps, levels with the same load are compared.

      sgl bench compare base.json new.json
      sgl bench compare base.json new.json --fail-if 'ttft.p99>+10%' 'req_s<-5%'
    """
    from .campaign.compare_files import CompareWish, Form, compare_files

    if md and as_json:
        raise UsageError("--md and --json exclude each other", hint="leave out --md")
    form: Form = "markdown" if md else "json" if as_json else "table"
    return compare_files(files, CompareWish(tuple(fail_if or ()), force, form, junit))


@app.command("report", context_settings=_CONTEXT)
def report(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Results of --save; several are one sweep.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a report with plots.")] = None,
    md: Annotated[
        Path | None, typer.Option("--md", metavar="FILE", help="Write tables for a pull request; - prints them.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a row for each run.")] = None,
) -> int:
    """Show a saved result again, or make another form of it."""
    from .output.report import report as show

    show(files, sys.stdout, html=html, markdown=md, csv=csv)
    return 0


add_to(app)

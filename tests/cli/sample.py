"""Commands with one of everything that a Typer app can have: they stand in for commands that come later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import pytest
import typer

from sgl.config.values import human_integer
from sgl.errors import ModelError
from sgl_cli.table import COMMANDS, MACHINE, MODELS, Command

PLAIN: Final = {"help_option_names": ["-h", "--help"]}


class Color(str, Enum):
    """Values to choose from."""

    auto = "auto"
    always = "always"
    never = "never"


def app_of() -> typer.Typer:
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


single = app_of()


@single.command(context_settings=PLAIN)
def one(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What to look at.")],
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD", help="Anything.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10, help="How many.")] = 3,
    least: Annotated[int, typer.Option("--least", min=0, help="At least none.")] = 0,
    rate: Annotated[float | None, typer.Option("--rate", help="A rate.")] = None,
    color: Annotated[Color, typer.Option("--color", help="When to use colours.")] = Color.auto,
    tokens: Annotated[
        int | None, typer.Option("--tokens", parser=human_integer, metavar="N", help="8k is 8000.")
    ] = None,
    template: Annotated[Path | None, typer.Option("--template", exists=True, dir_okay=False, help="A file.")] = None,
    local_dir: Annotated[Path | None, typer.Option("--local-dir", metavar="DIR", help="A folder.")] = None,
    tags: Annotated[list[int] | None, typer.Option("--tag", help="Numbers; may be repeated.")] = None,
    pair: Annotated[tuple[int, int], typer.Option("--pair", help="Two numbers.")] = (1, 2),
    key: Annotated[str | None, typer.Option("--key", envvar="SAMPLE_KEY", help="A key.")] = None,
    size: Annotated[int | None, typer.Option("--size", envvar="SAMPLE_SIZE", help="A size.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on.")] = True,
    secret: Annotated[bool, typer.Option("--secret", hidden=True)] = False,
) -> int:
    """Look at one thing.

    A second paragraph that is longer than a line of eighty columns has to be broken, or it would not be readable.

      sgl one ./model --count 2
      sgl one ./model
    """
    print(model, words, count, least, rate, color.value, tokens, template, local_dir, tags, pair, key, size, json)
    return 7 if follow else 0


group = app_of()


@group.callback(invoke_without_command=True, context_settings=PLAIN)
def many(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> int:
    """List things, or do something with them."""
    if context.invoked_subcommand is None:
        print("listed")
    return 0


@group.command("rm", context_settings=PLAIN)
def remove(
    repository: Annotated[list[str], typer.Argument(metavar="REPOSITORY", help="What to remove.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Remove things."""
    if not yes:
        typer.confirm("really?", abort=True)
    print("removed", *repository)
    return 3


@group.command("fail", context_settings=PLAIN)
def fail(how: Annotated[str, typer.Argument(metavar="HOW")] = "exit") -> None:
    """End in some way."""
    if how == "exit":
        raise typer.Exit(5)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "bad":
        raise typer.BadParameter("The thing is not good.")
    raise ModelError("no", hint="yes")


strict = app_of()


@strict.callback(context_settings=PLAIN)
def strictly() -> None:
    """Do one of two things."""


@strict.command("left", context_settings=PLAIN)
def left() -> int:
    """Go left."""
    return 0


@strict.command("right", context_settings=PLAIN)
def right(server: Annotated[str | None, typer.Argument(metavar="SERVER", help="Which.")] = None) -> int:
    """Go right."""
    return 0


passing = app_of()


@passing.command(
    context_settings={**PLAIN, "allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False
)
def hands_on(context: typer.Context) -> int:
    """Check what would be served."""
    print(context.args)
    return 0


ONE: Final = Command("one", "Look at one thing.", MODELS, app="tests.cli.sample:single")
MANY: Final = Command("many", "List things.", MODELS, app="tests.cli.sample:group")
STRICT: Final = Command("strict", "Do one of two things.", MACHINE, app="tests.cli.sample:strict")
PASSING: Final = Command("passing", "Check what would be served.", MACHINE, app="tests.cli.sample:passing")
SAMPLES: Final = (ONE, MANY, STRICT, PASSING)


@contextmanager
def called(rows: Sequence[Command]) -> Iterator[None]:
    """Makes ``sgl`` know ``rows`` beside its own commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sgl_cli.main.COMMANDS", (*COMMANDS, *(row for row in rows if row not in COMMANDS)))
        yield

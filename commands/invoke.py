"""Runs a command through its Typer app, with our errors in place of Typer's.

The app is parsed and invoked directly, not through its ``main``: that one catches a closed pipe and the end of
input by itself, and prints errors in its own manner.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from typer import Abort, Exit
from typer._click.exceptions import ClickException, NoArgsIsHelpError
from typer.main import get_command

from sgl.errors import SglError
from sgl.exits import INTERRUPTED

from .coercion import lighten
from .errors import explain
from .pages import read_page
from .table import Command


def invoke(command: Command, words: Sequence[str]) -> int:
    """Runs ``command`` on the words after its name; returns its exit code.

    Raises:
        SglError: A flag or an argument is wrong, or what the command itself raises.
    """
    words = [dashed(word, index, words) for index, word in enumerate(words)]
    app = get_command(command.load_app())
    lighten(app)
    try:
        with app.make_context(f"sgl {command.name}", list(words)) as context:
            code = app.invoke(context)
    except NoArgsIsHelpError as error:
        print(read_page(command, error.ctx.command_path.split()[2:]))
        return 0
    except ClickException as error:
        raise explain(error, words) from error
    except Exit as end:
        return end.exit_code
    except Abort as end:
        # A prompt was answered with Ctrl-C or with the end of input; it stands on a line without an end.
        print(file=sys.stderr)
        if isinstance(end.__context__, KeyboardInterrupt):
            return INTERRUPTED
        raise SglError("nothing was done: the question was not answered") from end
    return int(code or 0)


def dashed(word: str, index: int, words: Sequence[str]) -> str:
    """Returns a flag written with ``_`` with ``-`` in its place, as ``sgl serve`` takes it; other words unchanged."""
    if not word.startswith("--") or word == "--" or "--" in words[:index]:
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value

"""``sgl completion``: a thin Typer command."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from .scripts import read_script
from .shells import find_shell

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def completion(
    shell: Annotated[
        str | None, typer.Argument(metavar="SHELL", help="bash, zsh or fish; the one in $SHELL when not given.")
    ] = None,
) -> int:
    """Print the completion script of a shell.

    sgl --install-completion puts it where the shell finds it, and says what it did;
    sgl --uninstall-completion takes it out again. For this terminal only:

      source <(sgl completion bash)
      source <(sgl completion zsh)
      sgl completion fish | source
    """
    print(read_script(find_shell(shell, os.environ)), end="")
    return 0

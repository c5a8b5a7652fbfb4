"""``sgl serve``: a thin Typer command; its flags are the business of `sgl.config.arguments`."""

from __future__ import annotations

import os

import typer

from sgl.launcher import launch

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


# Typer hands the words on unread: parsing so many flags would take it 0.3 s and 20 MB, and it could not tell
# where a value came from.
@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve(context: typer.Context) -> int:
    """Serve a model over HTTP: OpenAI's API and SGLang's own."""
    return launch(context.args, os.environ, program="sgl serve")

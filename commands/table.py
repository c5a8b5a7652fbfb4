"""The commands of ``sgl``, in the order of help. Nothing is imported until a command is called."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import typer


class Command(NamedTuple):
    """One row. ``app`` and ``page`` read ``module:attribute``; a module of this package begins with a dot.

    Attributes:
        name: As it is typed.
        summary: One line for the list of commands.
        app: The Typer app that runs it.
        page: A function from how the program is called (``sgl serve``) to its help, free of heavy imports.
    """

    name: str
    summary: str
    app: str
    page: str

    def load_app(self) -> typer.Typer:
        """Imports the Typer app."""
        app: typer.Typer = _load(self.app)
        return app

    def load_page(self) -> Callable[[str], str]:
        """Imports the function that writes the help."""
        page: Callable[[str], str] = _load(self.page)
        return page


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module, __package__), attribute)


COMMANDS: Final = (
    Command(
        "serve",
        "Serve a model over HTTP: OpenAI's API and SGLang's own.",
        app=".serve:app",
        page="sgl.config.help:serve_help",
    ),
)

PLANNED: Final = ("chat", "bench", "doctor", "download")
"""Names that are kept for later versions; calling one says so."""
